"""When `temp` outputs may go, and what it costs to find that out; runs are turned by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.engine.facts import World
from fileflow.engine.temps import Temps
from fileflow.planning.schedule import JobState, Schedule
from tests.planning.fakes import ByHand, Project

COPY = 'shell: "c {input} {output}"'
SHARED = f"""
wildcards: {{n: {{range: COUNT}}}}
rules:
  all: {{input: "o/{{n}}"}}
  t: {{output: {{path: t, temp: true}}, shell: "c {{output}}"}}
  u: {{input: t, output: {{path: "u/{{n}}", temp: true}}, {COPY}}}
  x: {{input: src, output: x, {COPY}}}
  o: {{input: [TAKEN, x], output: "o/{{n}}", {COPY}}}
"""


class Gone(list[str]):
    """What is told of files that were deleted."""

    gone = list.append


def temps_of(run: ByHand, gone: Gone) -> Temps:
    """Those of a run; what is settled in it is told to them, as the loop does."""
    schedule = run.schedule
    temps = Temps(run.look.staleness, schedule, cast(World, gone), keep=False)

    def told(settle: Callable[..., None]) -> Callable[..., None]:
        def both(job: int, **rest: bool) -> None:
            settle(job, **rest)
            if schedule.is_settled(job):
                temps.settled(job)

        return both

    schedule.kept = told(schedule.kept)  # type: ignore[method-assign]
    schedule.built = told(schedule.built)  # type: ignore[method-assign]
    return temps


def looks_at_consumers(project: Project) -> int:
    """How many jobs are looked at, since they take from others, in a run that deletes `t`."""
    Path("t").touch()
    run = project.start()
    each, looks = run.schedule.each_consumer, 0

    def counted(job: int) -> Iterator[int]:
        nonlocal looks
        for one in each(job):
            looks += 1
            yield one

    run.schedule.each_consumer = counted  # type: ignore[method-assign]
    gone = Gone()
    temps_of(run, gone)
    run.go()
    assert (gone, Path("t").exists()) == (["t"], False)
    return looks


def test_a_temp_output_that_many_take_costs_a_few_looks_at_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(SHARED.replace("COUNT", "100").replace("TAKEN", "t"), "src")
    assert looks_at_consumers(project) <= 300


def test_one_that_many_at_rest_may_call_back_costs_a_few_looks_at_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(SHARED.replace("COUNT", "100").replace("TAKEN", '"u/{n}"'), "src")
    project.makes["x"] = "always the same"
    project.run()
    project.world.remove(*(f"u/{n}" for n in range(100)))
    project.world.write("src", "another")
    assert looks_at_consumers(project) <= 600


# --- any history ---------------------------------------------------------------------------------

NAMES = "abcdef"


def flow(needs: dict[str, list[str]], plain: set[str]) -> str:
    """Each letter has a rule, which takes earlier letters and what is made of its own source."""
    lines = ["rules:", f"  all: {{input: [{', '.join(sorted(plain))}]}}"]
    for name, taken in needs.items():
        output = name if name in plain else f"{{path: {name}, temp: true}}"
        more = f"{name}.more"  # so that its job at rest has a file still
        lines.append(f"  of_{name}: {{input: {name}.src, output: {name}.x, {COPY}}}")
        lines.append(
            f"  {name}: {{input: [{', '.join([*taken, f'{name}.x'])}], "
            f"output: [{output}, {more}], {COPY}}}"
        )
    return "\n".join(lines)


def may_be_taken(schedule: Schedule, job: int) -> bool:
    """The rule by itself, without what earlier looks have found."""
    consumers = schedule.consumers_of(job)
    if not all(map(schedule.is_settled, consumers)):
        return True
    resting = [one for one in consumers if schedule.state(one) is JobState.RESTING]
    seen = set(resting)
    while resting:
        for one in schedule.consumers_of(resting.pop()):
            if schedule.is_open(one):
                return True
            if schedule.state(one) is JobState.RESTING and one not in seen:
                seen.add(one)
                resting.append(one)
    return False


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_a_look_that_goes_on_finds_what_one_from_the_start_does(data: st.DataObject) -> None:
    names = NAMES[: data.draw(st.integers(3, len(NAMES)))]
    needs = {
        name: sorted(data.draw(st.sets(st.sampled_from(names[:k]), max_size=3))) if k else []
        for k, name in enumerate(names)
    }
    plain = {names[-1], *data.draw(st.sets(st.sampled_from(names), max_size=2))}
    project = Project(flow(needs, plain), *(f"{name}.src" for name in names))
    # Who takes what is the same after all is kept, and calls nobody back.
    same = data.draw(st.sets(st.sampled_from([*names, *(f"{name}.x" for name in names)])))
    project.makes.update(dict.fromkeys(same, "the same"))
    project.run()
    for _ in range(2):
        project.world.remove(*data.draw(st.sets(st.sampled_from(names))))
        for name in data.draw(st.sets(st.sampled_from(names), min_size=1)):
            project.world.write(f"{name}.src", f"source at {project.world.time}")
        run = project.start()
        temps = temps_of(run, Gone())
        for _ in range(100):
            while len(run.running) < 2 and run.begin() is not None:
                pass
            for label in run.look.jobs:
                job = run.look.job(label)
                assert temps._may_be_taken(job) is may_be_taken(run.schedule, job)
            if not run.running:
                break
            label = data.draw(st.sampled_from(sorted(run.running)))
            run.fail(label) if data.draw(st.integers(0, 9)) == 9 else run.end(label)
