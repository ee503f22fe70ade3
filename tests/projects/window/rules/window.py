"""Means over the days of a window."""

import json
from statistics import fmean


def mean(days, output, day, near):
    """The mean of the days that are there; `near` goes with the files."""
    if [path.stem for path in days] != near:
        raise ValueError(f"{days} are not of {near}")
    values = [float(line.split(",")[1]) for path in days for line in path.read_text().splitlines()]
    mean = round(fmean(values), 3) if values else None
    output.write_text(json.dumps({"day": day, "days": near, "mean": mean}))


def report(input, output):
    with output.open("w") as file:
        for path in input:
            found = json.loads(path.read_text())
            print(found["day"], len(found["days"]), found["mean"], sep=",", file=file)
