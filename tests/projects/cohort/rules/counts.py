"""Counts of pairs per gene."""

from collections import Counter


def count(input, output, sample, condition):
    """Count the pairs of one sample."""
    header, *lines = input.read_text().splitlines()
    if header != f"@SM\t{sample}":
        raise ValueError(f"{input} is not of {sample}")
    counts = Counter(line.split("\t")[1] for line in lines if not line.startswith("@"))
    rows = [f"{gene}\t{counts[gene]}\n" for gene in sorted(counts)]
    output.write_text(f"#{condition}\n" + "".join(rows))


def cohort(counts, output, sample, conditions):
    """Put the samples side by side."""
    columns = []
    for path, condition in zip(counts, conditions, strict=True):
        first, *rows = path.read_text().splitlines()
        if first != f"#{condition}":
            raise ValueError(f"{path} is not of a {condition}")
        columns.append(dict(row.split("\t") for row in rows))
    genes = sorted({gene for column in columns for gene in column})
    with output.open("w") as file:
        print("gene", *sample, sep="\t", file=file)
        print("condition", *conditions, sep="\t", file=file)
        for gene in genes:
            print(gene, *(column.get(gene, "0") for column in columns), sep="\t", file=file)
