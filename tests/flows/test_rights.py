"""What files of others, and files without rights, do to jobs and to the runs that follow."""

import os
import subprocess

import pytest

from .space import Space

SOMEBODY = 65534


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")


# What a job leaves beside its output, and whether only root can do that.
LEFT = {
    "not to be read": "mkdir {0}/u; touch {0}/u/x; chmod 000 {0}/u",
    "deep": "mkdir -p {0}/u/v/w; chmod 300 {0}/u/v; chmod 000 {0}/u",
    "somebody else's": f"mkdir {{0}}/u; touch {{0}}/u/x; chown -R {SOMEBODY} {{0}}/u",
}


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("fails", [False, True])
def test_what_cannot_be_removed_from_a_stage_stops_no_run(refused: Space, left, fails) -> None:
    if left == "somebody else's":
        needs_root()
    litter = LEFT[left].format("$(dirname {output})")
    end = "exit 1" if fails else "echo 1 > {output}"
    refused.workflow(f"""
        wildcards: {{n: [1, 2, 3]}}
        rules:
          a: {{output: "a{{n}}", shell: "{litter}; {end}"}}
          b: {{output: b, shell: "echo 1 > {{output}}"}}
    """)
    flow = refused.run("-k", "a")
    assert (flow.status, flow.counts()[0]) == ((1, 0) if fails else (0, 3))
    assert refused.good("b").built == {"b"}
    for command in (["status"], ["clean", "b"], ["clean", "--all"], ["b"]):
        flow = refused.flow(*command)
        assert (flow.status, "Traceback" in flow.stderr) == (0, False), flow.stderr


@pytest.mark.parametrize("left", LEFT)
def test_a_folder_gives_way_whatever_lies_in_it(refused: Space, left) -> None:
    if left == "somebody else's":
        needs_root()
    refused.write("in", "1")
    refused.workflow("""
        rules:
          d: {input: in, output: d/, shell: "cp {input} {output}/x"}
    """)
    refused.good("d")
    subprocess.run(["sh", "-c", LEFT[left].format("d")], cwd=refused.root, check=True)
    refused.write("in", "2")
    assert refused.run("-f", "d").status == 0
    assert refused.read("d/x") == "2"
    assert refused.good("d").built == set()


@pytest.mark.parametrize("second", ["ro/y", "ro/y/"])
@pytest.mark.parametrize("others", [1, 3])
def test_of_several_outputs_all_are_replaced_or_none(refused: Space, second, others) -> None:
    firsts = [f"x{k}/" if k == 2 else f"x{k}" for k in range(others)]
    copies = "; ".join(
        f"cp {{input}} {{output[{k}]}}{'/f' if path.endswith('/') else ''}"
        for k, path in enumerate([*firsts, second])
    )
    refused.write("in", "1")
    refused.workflow(f"""
        rules:
          m: {{input: in, output: {[*firsts, second]}, shell: "{copies}"}}
    """)
    refused.good("m")
    before = {path: refused.read(path) for path in refused.files()}
    refused.write("in", "2")
    refused.path("ro").chmod(0o555)
    flow = refused.run("m")
    assert flow.status == 1 and "Permission denied" in flow.text
    after = {path: refused.read(path) for path in refused.files()}
    assert after == {**before, "in": "2"}
    refused.path("ro").chmod(0o755)
    assert refused.good("m").built == {"m"}
    assert refused.read("x0") == "2"
    assert refused.good("m").built == set()


@pytest.mark.parametrize("last", ["ro/y", "ro/y/"])
@pytest.mark.parametrize("is_there", [False, True])
def test_of_several_new_outputs_none_stays_if_one_cannot_be_put_into_its_place(
    refused, last, is_there
) -> None:
    refused.write("ro/in", "1")
    end = "/f" if last.endswith("/") else ""
    if is_there:
        refused.write(f"ro/y{end}", "old")
    refused.path("ro").chmod(0o555)
    refused.workflow(f"""
        rules:
          m:
            input: ro/in
            output: [x, d/, {last}]
            shell: |
              cp {{input}} {{output[0]}}; cp {{input}} {{output[1]}}/f
              cp {{input}} {{output[2]}}{end}
    """)
    assert refused.run("m").status == 1
    assert not refused.path("x").exists() and not refused.path("d").exists()


def test_a_folder_that_its_action_leaves_read_only_is_an_output_as_others(refused: Space) -> None:
    refused.write("in", "1")
    refused.workflow("""
        rules:
          d:
            input: in
            output: d/
            shell: mkdir {output}/e; cp {input} {output}/e/x; chmod -R a-w {output}
    """)
    refused.good("d")
    assert refused.path("d").stat().st_mode & 0o777 == 0o555
    refused.write("in", "2")
    assert refused.good("d").built == {"d"}
    assert refused.read("d/e/x") == "2"
    assert refused.good("d").built == set()


def test_what_is_in_the_place_of_an_output_stays_if_that_does_not_come(refused: Space) -> None:
    needs_root()
    refused.write("in", "1")
    refused.write("d", "precious")
    refused.workflow(f"""
        rules:
          d:
            input: in
            output: d/
            shell: cp {{input}} {{output}}/x; chmod 555 {{output}}; chown {SOMEBODY} {{output}}
    """)
    assert refused.run("d").status == 1
    assert refused.read("d") == "precious"


def test_where_nothing_can_be_written_all_that_is_fresh_is_said_to_be(refused: Space) -> None:
    refused.write("in", "1")
    refused.workflow("""
        rules:
          a: {input: in, output: a, shell: "cp {input} {output}"}
          b: {input: a, output: b, shell: "cp {input} {output}"}
    """)
    refused.good("b")
    for folder in (".fileflow", "."):
        refused.path(folder).chmod(0o555)
    for words in (["b"], ["a"], ["-v", "b"], ["b", "--progress", "json"]):
        flow = refused.flow(*words)
        assert flow.status == 0, flow.stderr
    assert "all 2 are fresh" in refused.flow("b").stderr
    refused.write("in", "2")
    for words in (["b"], ["--force", "b"], ["--rerun"]):
        flow = refused.flow(*words)
        assert (flow.status, "cannot write .fileflow" in flow.stderr) == (3, True)
    for folder in (".", ".fileflow"):
        refused.path(folder).chmod(0o755)
    assert refused.good("b").built == {"a", "b"}
