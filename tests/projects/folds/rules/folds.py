"""Leave one subject out: fit on the others, score on that one."""

import csv
import json
from collections import defaultdict
from statistics import fmean, median


def _values(path):
    with path.open(newline="") as file:
        return [float(row["y"]) for row in csv.DictReader(file)]


def _drawn(tables, held, rng):
    """A bootstrap sample of all subjects but the one that is held out."""
    if any(path.stem == held for path in tables):
        raise ValueError(f"{held} is held out and must not be seen")
    values = [value for path in tables for value in _values(path)]
    return rng.choices(values, k=len(values))


def fit(tables, output, model, held, rng):
    drawn = _drawn(tables, held, rng)
    centre = {"mean": fmean, "median": median, "last": lambda values: values[-1]}[model](drawn)
    output.write_text(json.dumps({"drawn": drawn, "centre": centre}))


def draws(tables, output, held, rng):
    output.write_text(json.dumps(_drawn(tables, held, rng)))


def score(fitted, table, output):
    centre = json.loads(fitted.read_text())["centre"]
    output.write_text(f"{fmean(abs(value - centre) for value in _values(table)):.4f}\n")


def models(scores, output, model, held):
    """The mean score of each model on each subject."""
    found = defaultdict(list)
    for path, name, subject in zip(scores, model, held, strict=True):
        found[name, subject].append(float(path.read_text()))
    with output.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["model", "held", "replicates", "score"])
        for (name, subject), values in found.items():
            rows.writerow([name, subject, len(values), f"{fmean(values):.4f}"])


def spread(input, output, held, rep: int):
    with output.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["held", "rep", "lowest", "highest"])
        for path, subject, number in zip(input, held, rep, strict=True):
            values = json.loads(path.read_text())
            rows.writerow([subject, number, min(values), max(values)])
