"""Fit a line by gradient descent, with a checkpoint after each epoch.

It goes on with the checkpoint in its folder if that is of the same data, rate and seed.
Each epoch is written to the file that $RAN_LOG names, and while $FLAGS holds
`hold-MEMBER-EPOCH`, the member waits after that epoch.
"""

import hashlib
import json
import os
import random
import time
from pathlib import Path

from fileflow import job

folder = Path(job.output.folder)
data = Path(job.input[0]).read_text()
points = [tuple(map(float, line.split(","))) for line in data.splitlines()[1:]]
member = job.wildcards.member
basis = {
    "data": hashlib.sha256(data.encode()).hexdigest(),
    "rate": job.params.rate,
    "seed": job.seed,
}


def write(name, content):
    """A file appears whole: a checkpoint that was cut off must not be gone on with."""
    (folder / f"{name}.new").write_text(json.dumps(content))
    (folder / f"{name}.new").replace(folder / name)


def begin():
    """The state to go on from."""
    try:
        state = json.loads((folder / "checkpoint.json").read_text())
    except FileNotFoundError:
        state = None
    if state is not None and state["basis"] == basis and state["epoch"] <= job.params.epochs:
        return state
    draws = random.Random(job.seed)
    return {"basis": basis, "epoch": 0, "slope": draws.uniform(-1, 1), "offset": draws.random()}


def say(text):
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(f"{text}\n")


def hold(epoch):
    flags = Path(os.environ["FLAGS"])
    if (flags / f"hold-{member}-{epoch}").exists():
        (flags / f"held-{member}-{epoch}.new").write_text(str(os.getpid()))
        (flags / f"held-{member}-{epoch}.new").replace(flags / f"held-{member}-{epoch}")
        while (flags / f"hold-{member}-{epoch}").exists():
            time.sleep(0.01)


state = begin()
while state["epoch"] < job.params.epochs:
    errors = [state["slope"] * x + state["offset"] - y for x, y in points]
    slope = sum(error * x for error, (x, _) in zip(errors, points, strict=True)) / len(points)
    state["slope"] -= job.params.rate * slope
    state["offset"] -= job.params.rate * sum(errors) / len(points)
    state["epoch"] += 1
    write("checkpoint.json", state)
    say(f"{member} {state['epoch']}")
    hold(state["epoch"])
write("weights.json", {name: round(state[name], 6) for name in ["slope", "offset"]})
