"""Sort the good reads of one sample: position, base."""

import argparse
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True)
parser.add_argument("--min-quality", type=int, required=True)
parser.add_argument("--reference", type=Path, required=True)
parser.add_argument("reads", type=Path)
parser.add_argument("out", type=Path)
options = parser.parse_args()
length = len(options.reference.read_text().strip())
first, *lines = options.reads.read_text().splitlines()
if first != f"library {options.library}":
    sys.exit(f"{options.reads}: not of library {options.library}")
kept = []
for number, line in enumerate(lines, 2):
    position, base, quality = line.split()
    if not 1 <= int(position) <= length or base not in "ACGT":
        sys.exit(f"{options.reads}:{number}: no read of this reference")
    if int(quality) >= options.min_quality:
        kept.append((int(position), base))
options.out.write_text(
    f"# {len(kept)} reads\n" + "".join(f"{position} {base}\n" for position, base in sorted(kept))
)
