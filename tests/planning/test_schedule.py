"""Which job may start next, and what becomes of all when one has ended; runs are turned by hand."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.planning.schedule import JobState
from tests.planning.fakes import ByHand, Project

COPY = 'shell: "c {input} {output}"'

DIAMOND = f"""
rules:
  all: {{input: d}}
  a: {{input: src, output: a, {COPY}}}
  b: {{input: a, output: b, {COPY}}}
  c: {{input: a, output: c, {COPY}}}
  d: {{input: [b, c], output: d, {COPY}}}
"""


def diamond() -> Project:
    return Project(DIAMOND, "src")


# --- order ---------------------------------------------------------------------------------------


def test_a_job_is_ready_when_all_that_it_needs_has_ended() -> None:
    run = diamond().start()
    assert (run.begin(), run.begin()) == ("a", None)
    run.end("a")
    assert {run.begin(), run.begin(), run.begin()} == {"b", "c", None}
    run.end("b")
    assert run.begin() is None
    run.end("c")
    assert run.begin() == "d"


def test_the_larger_priority_starts_first() -> None:
    project = Project(f"""
    rules:
      all: {{input: [a, b, c]}}
      a: {{output: a, {COPY.replace("{input}", "")}}}
      b: {{output: b, priority: 2, {COPY.replace("{input}", "")}}}
      c: {{output: c, priority: 1, {COPY.replace("{input}", "")}}}
    """)
    assert project.run() == ["b", "c", "a"]


def test_among_equal_priorities_the_longer_chain_starts_first() -> None:
    project = Project(f"""
    rules:
      all: {{input: [a, b]}}
      a: {{output: a, {COPY.replace("{input}", "")}}}
      b: {{output: b, {COPY.replace("{input}", "")}}}
    """)
    assert project.start(chain={"a": 1.0, "b": 9.0}).go() == ["b", "a"]


MANY = """
wildcards: {s: [a, b, c, d]}
rules: {one: {output: "{s}", shell: "touch {output}"}}
"""


def test_jobs_of_one_rule_start_in_their_order() -> None:
    assert Project(MANY).run() == ["one s=a", "one s=b", "one s=c", "one s=d"]


def test_single_jobs_can_be_weighed() -> None:
    run = Project(MANY).start(weights={"one s=c": 5.0, "one s=b": 1.0})
    assert run.go() == ["one s=c", "one s=b", "one s=a", "one s=d"]


def test_a_batch_is_at_most_as_many_jobs_as_are_asked_for() -> None:
    run = Project(MANY).start()
    table, _ = run.look.table("one s=a")
    assert run.schedule.ready_count(table) == 4
    taken = run.schedule.take(table, 3)
    assert [run.look.plan.label(job) for job in taken] == ["one s=a", "one s=b", "one s=c"]
    assert len(run.schedule.take(table, 3)) == 1
    assert run.schedule.take(table, 3) == []


def test_a_job_that_is_put_back_is_ready_again() -> None:
    run = Project(MANY).start()
    label = run.begin()
    assert label == "one s=a"
    run.schedule.put_back(run.look.job(label))
    assert run.states()[label] == "ready"
    assert run.begin() == "one s=a"


def test_what_is_fresh_is_kept_from_the_start() -> None:
    project = diamond()
    project.run()
    run = project.start()
    assert run.schedule.finished
    assert run.count(JobState.KEPT) == 4


def test_counts_are_those_of_the_states() -> None:
    run = diamond().start()
    run.begin()
    counts = {state.name: n for state, n in run.schedule.counts.items() if n > 0}
    assert counts == {"RUNNING": 1, "WAITING": 3}
    run.end("a")
    run.go()
    assert run.count(JobState.BUILT) == 4


# --- early cut-off -------------------------------------------------------------------------------


def test_a_job_whose_output_has_the_same_bytes_spares_what_follows() -> None:
    project = diamond()
    project.makes["a"] = "always the same"
    project.run()
    project.world.write("src", "other bytes")
    run = project.start()
    assert run.go() == ["a"]
    assert run.states() == {"a": "built", "b": "kept", "c": "kept", "d": "kept"}


def test_one_branch_that_changes_builds_only_what_follows_it() -> None:
    project = diamond()
    project.makes["b"] = "always the same"
    project.run()
    project.world.write("src", "other bytes")
    assert sorted(project.run()) == ["a", "b", "c", "d"]
    project.makes["c"] = project.world.text("c") or ""
    project.world.write("src", "still other bytes")
    assert sorted(project.run()) == ["a", "b", "c"]


# --- failures ------------------------------------------------------------------------------------


def test_what_needs_a_failed_job_is_skipped_and_the_rest_goes_on() -> None:
    run = diamond().start()
    run.begin()
    run.end("a")
    run.begin("b")
    run.fail("b")
    run.go()
    assert run.skipped == ["d"]
    assert run.states() == {"a": "built", "b": "failed", "c": "built", "d": "skipped"}


def test_a_chain_behind_a_failed_job_is_skipped_as_a_whole() -> None:
    run = diamond().start()
    run.begin()
    run.fail("a")
    assert sorted(run.skipped) == ["b", "c", "d"]
    assert run.schedule.finished


def test_a_failed_job_may_be_tried_again() -> None:
    run = Project(MANY).start()
    label = run.begin()
    assert label is not None
    run.running.clear()
    run.schedule.put_back(run.look.job(label))
    assert len(run.go()) == 5


def test_blocked_jobs_and_what_needs_them_are_skipped_from_the_start() -> None:
    project = Project(DIAMOND.replace("input: a, output: c", "input: gone, output: c"), "src")
    run = project.start(keep_going=True)
    assert run.go() == ["a", "b"]
    assert run.states() == {"a": "built", "b": "built", "c": "skipped", "d": "skipped"}


def test_a_run_that_ends_early_skips_what_has_not_started() -> None:
    run = diamond().start()
    run.begin()
    run.end("a")
    run.begin("b")
    run.schedule.skip_rest()
    assert run.count(JobState.SKIPPED) == 2
    run.end("b")
    assert run.schedule.finished
    assert run.count(JobState.SKIPPED) == 2


def test_a_failure_of_what_was_demanded_skips_who_demanded_it() -> None:
    project = Project(REST, "src", "wind")
    project.run()
    project.world.remove("b")
    project.world.write("wind", "other")
    run = project.start()
    run.begin("side")
    run.end("side")
    assert run.begin() == "b"
    run.fail("b")
    assert run.skipped == ["c"]
    assert run.schedule.finished


# --- jobs at rest --------------------------------------------------------------------------------

REST = f"""
rules:
  all: {{input: c}}
  a: {{input: src, output: a, {COPY}}}
  b: {{input: a, output: b, {COPY}}}
  c: {{input: [b, side], output: c, {COPY}}}
  side: {{input: wind, output: side, {COPY}}}
"""


def resting(*gone: str) -> Project:
    """All is built; then these are removed, and the source of `side` changes."""
    project = Project(REST, "src", "wind")
    project.run()
    project.world.remove(*gone)
    project.world.write("wind", "other")
    return project


def test_what_is_gone_is_demanded_when_a_job_turns_out_to_need_it() -> None:
    run = resting("b").start()
    assert run.states() == {"a": "kept", "b": "resting", "side": "ready", "c": "waiting"}
    assert run.go() == ["side", "b", "c"]


def test_what_is_gone_stays_at_rest_if_nothing_changes() -> None:
    project = resting("b")
    project.makes["side"] = project.world.text("side") or ""
    run = project.start()
    assert run.go() == ["side"]
    assert run.states() == {"a": "kept", "b": "resting", "side": "built", "c": "kept"}


def test_a_chain_that_is_gone_is_demanded_from_its_beginning() -> None:
    assert resting("a", "b").run() == ["side", "a", "b", "c"]


def test_two_jobs_that_demand_the_same_wait_for_it_together() -> None:
    project = Project(
        f"""
        rules:
          all: {{input: [x, y]}}
          a: {{input: src, output: a, {COPY}}}
          x: {{input: [a, side], output: x, {COPY}}}
          y: {{input: [a, side], output: y, {COPY}}}
          side: {{input: wind, output: side, {COPY}}}
        """,
        "src",
        "wind",
    )
    project.run()
    project.world.remove("a")
    project.world.write("wind", "other")
    run = project.start()
    run.begin("side")
    run.end("side")
    assert (run.begin(), run.begin()) == ("a", None)
    run.end("a")
    assert {run.begin(), run.begin()} == {"x", "y"}


def test_what_is_demanded_waits_for_a_job_that_is_still_to_bring_back_its_input() -> None:
    project = resting("b")
    project.world.write("a", "overwritten by hand")
    run = project.start()
    assert run.look.states["a"] == "stale"
    assert run.begin("side") == "side"
    run.end("side")
    assert run.begin("c") is None
    assert run.begin("b") is None
    assert run.begin("a") == "a"
    run.end("a")
    assert run.go() == ["side", "a", "b", "c"]


def test_what_is_demanded_comes_after_what_brings_back_its_input_in_any_order() -> None:
    project = resting("b")
    project.world.write("a", "overwritten by hand")
    project.replace("side: {", "side: {priority: 9, ")
    assert project.run() in (["side", "a", "b", "c"], ["a", "side", "b", "c"])
    assert project.run() == []


# --- a job that is settled twice -----------------------------------------------------------------


def test_a_job_that_was_kept_is_asked_again_if_what_comes_back_differs() -> None:
    project = Project(DIAMOND, "src")
    project.run()
    project.world.write("a", "overwritten by hand")
    project.drifts.add("a")
    run = project.start()
    assert run.look.states == {"a": "stale", "b": "fresh", "c": "fresh", "d": "fresh"}
    assert set(run.go()) == {"a", "b", "c", "d"}
    assert run.count(JobState.BUILT) == 4
    assert project.look().stale == []


def test_a_job_that_two_reopened_ones_feed_waits_for_both() -> None:
    project = Project(DIAMOND, "src")
    project.run()
    project.world.write("a", "overwritten by hand")
    project.drifts.add("a")
    assert sorted(project.run()) == ["a", "b", "c", "d"]


def test_a_demanded_job_that_comes_back_different_builds_its_other_consumers_too() -> None:
    project = Project(
        REST.replace("input: c}", "input: [c, e]}") + f"  e: {{input: b, output: e, {COPY}}}\n",
        "src",
        "wind",
    )
    project.drifts.add("b")
    project.run()
    project.world.remove("b")
    project.world.write("wind", "other")
    run = project.start()
    assert run.look.states["e"] == "fresh"
    assert sorted(run.go()) == ["b", "c", "e", "side"]
    project.drifts.clear()
    assert project.run() == []


def test_a_consumer_at_rest_is_asked_again_for_what_was_made_of_it() -> None:
    project = Project(
        REST.replace("input: c}", "input: [c, f]}")
        + f"  e: {{input: b, output: e, {COPY}}}\n  f: {{input: e, output: f, {COPY}}}\n",
        "src",
        "wind",
    )
    project.drifts.add("b")
    project.run()
    project.world.remove("b", "e")
    project.world.write("wind", "other")
    project.run()
    project.drifts.clear()
    assert project.run() == []


def test_a_list_that_many_share_is_looked_at_anew_after_one_of_it_came_back_different() -> None:
    project = Project(
        f"""
        wildcards: {{s: [x, y], t: ["1", "2"]}}
        rules:
          all: {{input: "{{t}}.out"}}
          one: {{input: "{{s}}.in", output: "{{s}}.mid", {COPY}}}
          out: {{input: "{{s}}.mid", output: "{{t}}.out", {COPY}}}
        """,
        "x.in",
        "y.in",
    )
    project.run()
    project.world.write("x.mid", "overwritten by hand")
    project.drifts.add("one")
    assert project.run() == ["one s=x", "out t=1", "out t=2"]
    project.drifts.clear()
    assert project.run() == []


# --- a plan that is made anew while jobs run -----------------------------------------------------


def test_a_job_waits_for_one_that_ran_already_when_the_plan_was_made_anew() -> None:
    run = Project(
        f"""
        wildcards: {{s: [x, y]}}
        rules:
          all: {{input: out}}
          one: {{input: "{{s}}.in", output: "{{s}}.mid", {COPY}}}
          out: {{input: "{{s}}.mid", output: out, {COPY}}}
        """,
        "x.in",
        "y.in",
    ).start()
    assert [run.begin(), run.begin()] == ["one s=x", "one s=y"]
    run.end("one s=x")
    run.plan_anew()
    assert run.begin() is None
    run.end("one s=y")
    assert run.begin() == "out"


# --- any history ---------------------------------------------------------------------------------

NAMES = "abcdef"


def flow(needs: dict[str, list[str]], ends: Sequence[str], words: dict[str, int]) -> str:
    """A Workflowfile: each letter has a rule, which takes earlier letters and its own source."""
    lines = ["rules:", f"  all: {{input: [{', '.join(ends)}]}}"]
    for name, taken in needs.items():
        shell = f"c{words[name]} {{input}} {{output}}"
        inputs = ", ".join([*taken, f"{name}.src"])
        lines.append(f'  {name}: {{input: [{inputs}], output: {name}, shell: "{shell}"}}')
    return "\n".join(lines)


@st.composite
def flows(draw: st.DrawFn) -> tuple[dict[str, list[str]], list[str]]:
    names = NAMES[: draw(st.integers(2, len(NAMES)))]
    needs = {
        name: sorted(draw(st.sets(st.sampled_from(names[:k]), max_size=3))) if k else []
        for k, name in enumerate(names)
    }
    ends = sorted(draw(st.sets(st.sampled_from(names), min_size=1, max_size=2)))
    return needs, ends


CHANGES = st.lists(
    st.tuples(st.sampled_from(["source", "remove", "overwrite", "words", "touch"]),
              st.sampled_from(NAMES)),
    max_size=5,
)  # fmt: skip


def change(project: Project, words: dict[str, int], kind: str, name: str) -> None:
    if name not in words:
        return
    if kind == "source":
        project.world.write(f"{name}.src", f"source at {project.world.time}")
    elif kind == "remove":
        project.world.remove(name)
    elif kind == "overwrite":
        project.world.write(name, f"by hand at {project.world.time}")
    elif kind == "words":
        words[name] += 1
    elif project.world.exists(name):
        project.world.touch(name)


def played(
    data: st.DataObject, *, drifting: bool, replanned: bool = False
) -> tuple[Project, dict[str, list[str]], list[str], dict[str, int]]:
    """A random workflow with a random history: changes and runs by turns, any number of slots."""
    needs, ends = data.draw(flows())
    words = dict.fromkeys(needs, 0)
    project = Project(flow(needs, ends, words), *(f"{name}.src" for name in needs))
    if drifting:
        project.drifts.update(data.draw(st.sets(st.sampled_from(sorted(needs)), max_size=2)))
    for _ in range(3):
        for kind, name in data.draw(CHANGES):
            change(project, words, kind, name)
        project.rewrite(flow(needs, ends, words))
        run: ByHand = project.start()
        slots = data.draw(st.integers(1, 3))
        run.go(
            lambda names: data.draw(st.sampled_from(sorted(names))),
            slots,
            lambda: replanned and data.draw(st.booleans()),
        )
    return project, needs, ends, words


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data())
def test_after_a_run_all_is_fresh_whatever_was_changed_before(data: st.DataObject) -> None:
    project, _, _, _ = played(data, drifting=False)
    again = project.start()
    assert again.go() == []


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data())
def test_after_a_run_whose_plan_was_made_anew_all_is_fresh(data: st.DataObject) -> None:
    project, _, _, _ = played(data, drifting=False, replanned=True)
    assert project.start().go() == []


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data())
def test_after_a_run_all_is_fresh_though_jobs_make_something_else_each_time(
    data: st.DataObject,
) -> None:
    project, _, _, _ = played(data, drifting=True)
    assert project.start().go() == []


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data())
def test_after_a_run_the_targets_hold_what_a_clean_build_would_make(data: st.DataObject) -> None:
    project, needs, ends, words = played(data, drifting=False)
    clean = Project(flow(needs, ends, words))
    for name in needs:
        clean.world.write(f"{name}.src", project.world.text(f"{name}.src") or "")
    clean.run()
    assert [project.world.text(end) for end in ends] == [clean.world.text(end) for end in ends]
