"""Mutations: found, and summed up."""

from collections import Counter


def call(tumour_reads, profile, reference, output, ploidy):
    """A base is called if there are as many reads of it as there are copies."""
    bases = reference.read_text().strip()
    normal = set(profile.read_text().splitlines())
    reads = [line for line in tumour_reads.read_text().splitlines() if not line.startswith("#")]
    with output.open("w") as file:
        for read, depth in sorted(Counter(reads).items()):
            position, base = read.split()
            expected = bases[int(position) - 1]
            if base != expected and read not in normal and depth >= ploidy:
                print(position, expected, base, depth, sep="\t", file=file)


def summary(calls, shared, panel, output, tumour, normal):
    """One line for each tumour, then what two share, then the size of the panel."""
    with output.open("w") as file:
        for path, one, other in zip(calls, tumour, normal, strict=True):
            if path.name != f"{one}-{other}.vcf":
                raise ValueError(f"{path} is not of {one} and {other}")
            print(one, other, len(path.read_text().splitlines()), sep="\t", file=file)
        for path in shared:
            print(path.stem, path.read_text().strip(), sep="\t", file=file)
        print("panel", len(panel.read_text().splitlines()), sep="\t", file=file)
