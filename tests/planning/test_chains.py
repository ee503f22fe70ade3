"""The longest chain that starts with each job: by hand for a few shapes, literally for others."""

from __future__ import annotations

from array import array
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.planning.chains import chains_of
from fileflow.planning.links import ROW, SHIFT
from tests.planning.fakes import Look, Project

COPY = 'shell: "c {input} {output}"'

FLOW = f"""
wildcards: {{s: [a, b, c], t: [x, y]}}
rules:
  all: {{input: [end, "pair/{{s}}.{{t}}"]}}
  one: {{input: src, output: "one/{{s}}", {COPY}}}
  two: {{input: "one/{{s}}", output: "two/{{s}}", {COPY}}}
  pair: {{input: ["two/{{s}}", "one/{{s}}"], output: "pair/{{s}}.{{t}}", {COPY}}}
  end: {{input: "two/{{s}}", output: end, {COPY}}}
"""


def seconds_of(look: Look, given: dict[str, float]) -> dict[int, array[float]]:
    seconds = {n: array("d", [-1.0] * t.count) for n, t in look.plan.tables.items()}
    for label, value in given.items():
        job = look.job(label)
        seconds[job >> SHIFT][job & ROW] = value
    return seconds


def chains(look: Look, given: dict[str, float]) -> dict[str, float]:
    found = chains_of(look.plan, seconds_of(look, given))
    return {label: found[look.job(label) >> SHIFT][look.job(label) & ROW] for label in given}


def test_a_chain_ends_with_what_waits_for_it_and_a_gather_counts_for_all_its_files() -> None:
    look = Project(FLOW, "src").look()
    given = dict.fromkeys(look.jobs, 1.0) | {"two s=b": 5.0, "end": 10.0}
    found = chains(look, given)
    assert found["end"] == 10.0
    assert found["two s=a"] == 11.0
    assert found["two s=b"] == 15.0
    assert found["one s=b"] == 16.0
    assert found["pair s=a t=x"] == 1.0


def test_a_job_that_does_not_run_hands_nothing_on() -> None:
    look = Project(FLOW, "src").look()
    given = {label: 1.0 for label in look.jobs if not label.startswith("two")}
    found = chains(look, given)
    assert found["one s=a"] == 2.0  # pair takes it directly
    assert found["end"] == 1.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 50), min_size=30, max_size=30))
def test_chains_are_those_of_the_plain_recursion(values: list[float]) -> None:
    look = Project(FLOW, "src").look()
    own = dict(zip(look.jobs, values, strict=False))
    running = {label: value for label, value in own.items() if value >= 0}
    ids = {look.job(label): label for label in look.jobs}
    takers: dict[str, set[str]] = {label: set() for label in look.jobs}
    for label in look.jobs:
        table, row = look.table(label)
        for link in table.links:
            for maker in link.makers_of(row):
                if maker in ids:
                    takers[ids[maker]].add(label)

    @cache
    def longest(label: str) -> float:
        after = [longest(one) for one in takers[label] if one in running]
        return running[label] + max(after, default=0.0)

    found = chains(look, running)
    for label in running:
        assert abs(found[label] - longest(label)) < 1e-9
