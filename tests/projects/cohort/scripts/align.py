"""Find the gene of each pair of reads: the one that has both."""

import argparse
import sys
from pathlib import Path


def reads(path):
    lines = Path(path).read_text().splitlines()
    if not lines or len(lines) % 4:
        sys.exit(f"{path}: a read is cut short")
    return [(lines[at].split("/")[0], lines[at + 1]) for at in range(0, len(lines), 4)]


def genes(path):
    found = {}
    for line in Path(path).read_text().splitlines():
        if line.startswith(">"):
            name = line[1:]
            found[name] = ""
        else:
            found[name] += line
    return found


parser = argparse.ArgumentParser()
for option in ["group", "reference", "log", "out"]:
    parser.add_argument(f"--{option}", required=True)
parser.add_argument("--min-length", type=int, required=True)
parser.add_argument("first")
parser.add_argument("second")
options = parser.parse_args()
reference = genes(options.reference)
lost = 0
lines = [f"@RG\t{options.group}\n"]
pairs = zip(reads(options.first), reads(options.second), strict=True)
for (name, first), (other, second) in pairs:
    if name != other:
        sys.exit(f"{options.second}: {other} where {name} is expected")
    if min(len(first), len(second)) < options.min_length:
        lost += 1
        continue
    hits = [gene for gene, text in reference.items() if first in text and second in text]
    lines.append(f"{name[1:]}\t{hits[0] if len(hits) == 1 else '*'}\n")
Path(options.out).write_text("".join(lines))
Path(options.log).write_text(f"{lost} lost\n")
