"""Texts that cannot be filled in: refused before anything runs, else the failure of one job."""

import pytest

from .space import Space


def workflow(space: Space, *rule: str) -> None:
    """A rule `o` with these keys, for two values."""
    space.write("act.py", "def act(output, rate=None):\n    output.write_text(str(rate))\n")
    lines = ["config: {rate: {a: 1}}", "wildcards: {s: [a, b]}", "rules:"]
    lines += ["  all: {input: 'o/{s}'}", "  o:", "    output: 'o/{s}'"]
    space.write("Workflowfile", "\n".join([*lines, *(f"    {line}" for line in rule), ""]))


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        (["shell: 'echo {config.rate[s]} > {output}'"], "7:18"),
        (["argv: [cp, '{config.rate[s]}', '{output}']"], "7:17"),
        (["run: act:act", "params: {rate: '{config.rate[s]}'}"], "8:21"),
        (["run: act:act", "env: {RATE: 'r{config.rate[s]}'}"], "8:19"),
        (["shell: echo > {output}", "log: 'l/{config.rate[s]}.{s}'"], "8:10"),
    ],
    ids=["shell", "argv", "params", "env", "log"],
)
def test_a_key_that_a_value_does_not_find_is_refused_before_anything_runs(space, rule, place):
    workflow(space, *rule)
    for args in (["-n"], ["-k", "-j", "1"], ["check"], ["why", "o"], ["status"]):
        flow = space.flow(*args)
        assert flow.status == 2, (args, flow.text)
        said = f"Workflowfile:{place}: {{config.rate[s]}}: there is no 'b' there (job o s=b)"
        assert said in flow.text, (args, flow.text)
        assert rule[-1] in flow.text
        assert "known here: a" in flow.text
    assert space.files() == ["Workflowfile", "act.py"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (["shell: 'cp {s:cut.a} {output}'"], "7:16: {s:cut.a}: 'b' does not end in '.a' (job o"),
        (["input: x.bam", "shell: 'echo {input:cut.txt} > {output}'"], "8:18: {input:cut.txt}: "),
        (["params: {z: {y: 1}}", "shell: 'echo {params.z:name} > {output}'"], "8:18: "),
        (["params: {l: [1, 2], m: [1]}", "argv: [tar, '-{params.l}{params.m}']"], "8:19: the list"),
        (["params: {v: 'a''\"'}", 'shell: \': "${X-"{params.v}"}" > {output}\''], "8:21: {params"),
    ],
    ids=["a row", "cut", "mapping", "lists", "quotes"],
)
def test_what_can_be_known_before_the_run_is_refused_then(space, rule, words):
    workflow(space, *rule)
    space.replace("Workflowfile", "[a, b]", "[x.a, b]")
    space.write("x.bam", "")
    before = space.files()
    for args in (["-n"], ["-k"]):
        flow = space.flow(*args)
        assert flow.status == 2, (args, flow.text)
        assert f"fileflow: Workflowfile:{words}" in flow.text, flow.text
        assert "(job o s=" in flow.text
    assert space.files() == before


FOUND = """
    config: {rate: {x: 1, z: 3}}
    rules:
      all: {input: sum}
      split:
        output: c/{k}
        scatter: k
        shell: echo {rule} >> "$RAN_LOG"; touch {output}/x {output}/y {output}/z
      use:
        input: c/{k}
        output: u/{k}
        retries: 2
        shell: echo {rule} {k} >> "$RAN_LOG"; echo {config.rate[k]} > {output}
      sum:
        input: u/{k}
        output: sum
        shell: echo {rule} >> "$RAN_LOG"; cat {input} > {output}
    """


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_shows_only_while_running_is_the_failure_of_its_job(space, jobs):
    space.workflow(FOUND)
    flow = space.run("-k", "-j", jobs)
    assert flow.status == 1, flow.text
    assert flow.counts() == (3, 0, 1, 1)
    failed = [e for e in flow.events if e["event"] == "job_finished" and e["status"] == "failed"]
    assert [event["wildcards"] for event in failed] == [{"k": "y"}]
    message = failed[0]["message"]
    assert message.startswith("Workflowfile:12:48: {config.rate[k]}: there is no 'y' there\n")
    assert "known here: x, z" in message
    assert space.ran == ["split", "use x", "use z"]
    assert space.read("u/z") == "3\n"
    assert "interrupted" not in space.flow("status").text
    space.replace("Workflowfile", "z: 3}", "z: 3, y: 2}")
    assert space.good("-j", jobs).counts() == (2, 3, 0, 0)
    assert space.read("sum") == "1\n2\n3\n"


def test_the_first_failure_starts_nothing_new(space):
    space.workflow(FOUND.replace("x: 1, ", ""))
    flow = space.run("-j", "1")
    assert flow.status == 1, flow.text
    assert flow.counts() == (1, 0, 1, 3)
    assert "Workflowfile:12:48:" in flow.text


def test_a_recorded_job_whose_key_is_gone_fails_when_its_value_is_found_again(space):
    space.workflow(FOUND)
    space.replace("Workflowfile", "z: 3}", "z: 3, y: 2}")
    space.good()
    space.replace("Workflowfile", ", y: 2}", "}")
    flow = space.run("-k", "all", "-f", "split")
    assert flow.status == 1, flow.text
    assert flow.counts()[2:] == (1, 1)
    assert space.read("sum") == "1\n2\n3\n"


def test_a_script_that_is_not_there_is_refused_before_anything_runs(space):
    workflow(space, "script: 'sc/{s}.sh'", "args: ['{output}']")
    space.write("sc/a.sh", 'echo a > "$1"\n')
    for args in (["-n"], ["-k", "-j", "1"], ["check"]):
        flow = space.flow(*args)
        assert flow.status == 2, (args, flow.text)
        assert "fileflow: Workflowfile:7:5: there is no script 'sc/b.sh' (job o" in flow.text, (
            flow.text
        )
    assert not space.exists("o")
    space.write("sc/b.sh", 'echo b > "$1"\n')
    assert space.good().counts() == (2, 0, 0, 0)


@pytest.mark.parametrize(
    "rule", ["shell: 'echo {wildcards} > {output}'", "params: {w: '{wildcards}'}"]
)
def test_all_wildcards_at_once_are_no_value(space, rule):
    workflow(space, *(["run: act:act"] if "params" in rule else []), rule)
    flow = space.flow("-n")
    assert flow.status == 2, flow.text
    place = f"fileflow: Workflowfile:{'8:18' if 'params' in rule else '7:18'}: "
    assert f"{place}{{wildcards}} is no value by itself" in flow.text
    assert "write {wildcards.NAME}, which is {NAME}" in flow.text


def test_a_call_that_cannot_be_asked_spares_the_jobs_beside_it(space):
    space.write("act.py", "def same(v):\n    return v\n")
    space.workflow(FOUND)
    space.replace(
        "Workflowfile",
        "    retries: 2\n",
        "    params: {v: {call: act:same, with: {v: '{config.rate[k]}'}}}\n",
    )
    space.replace("Workflowfile", "echo {config.rate[k]} >", "echo {params.v} >")
    flow = space.run("-k")
    assert flow.status == 1, flow.text
    assert flow.counts() == (3, 0, 1, 1)
    assert "Workflowfile:11:45: {config.rate[k]}: there is no 'y' there" in flow.text
    assert space.read("u/z") == "3\n"
