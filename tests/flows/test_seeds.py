"""Seeds: the same bytes for any number of jobs at once, any executor and any order."""

import subprocess
import sys

import pytest

from .space import Space

STEPS = """\
import random


def own(output, rng, seed):
    output.write_text(f"{rng.random()} {seed}")


def common(output):
    output.write_text(f"{random.random()}")


def hashes(output):
    output.write_text(" ".join({f"word {n}" for n in range(20)}))


def numbers(output):
    import numpy

    output.write_text(f"{numpy.random.random()}")
"""
WORKFLOW = """
    seed: 7
    wildcards:
      n: {range: 4}
    rules:
      all:
        input:
          - own/{n}.txt
          - common/{n}.txt
          - shell/{n}.txt
      own:
        output: own/{n}.txt
        run: steps:own
      common:
        output: common/{n}.txt
        run: steps:common
      shell:
        output: shell/{n}.txt
        shell: echo {seed} $FILEFLOW_SEED > {output}
    """


def made(space: Space, *args: str) -> dict[str, str]:
    """Build all from nothing; what came out, by path."""
    for folder in ["own", "common", "shell", ".fileflow"]:
        if space.exists(folder):
            space.delete(folder)
    space.good(*args)
    return {name: space.read(name) for name in space.files() if name.endswith(".txt")}


def test_the_bytes_do_not_depend_on_how_jobs_are_run(space):
    space.write("steps.py", STEPS)
    space.workflow(WORKFLOW)
    first = made(space, "-j", "1")
    assert len(first) == 12
    assert len(set(first.values())) == 12
    for args in [("-j", "4"), ("--executor", "thread", "-j", "4"), ("--executor", "serial")]:
        assert made(space, *args) == first
    for name in ["own/2.txt", "common/3.txt", "shell/0.txt"]:
        space.good("-f", name)
        assert space.read(name) == first[name]
    assert made(space, "--seed", "8") != first
    space.move("elsewhere")
    space.replace("Workflowfile", "  own:\n", "  mine:\n")
    assert made(space) == first


def test_a_seed_is_a_whole_number_below_two_to_the_31(space):
    space.write("steps.py", STEPS)
    space.workflow(WORKFLOW)
    found = made(space)
    for n in range(4):
        one, other = found[f"shell/{n}.txt"].split()
        assert one == other
        assert 0 <= int(one) < 2**31


def test_a_job_that_draws_from_global_generators_in_a_thread_is_named(space):
    space.write("steps.py", STEPS)
    space.workflow(WORKFLOW)
    flow = space.flow("--executor", "thread", "common")
    assert flow.status == 0
    assert "common" in flow.stderr and "rng" in flow.stderr


def test_numpy_is_seeded_when_a_job_loads_it(space):
    pytest.importorskip("numpy")
    space.write("steps.py", STEPS)
    space.workflow("""
        rules:
          make:
            output: a.txt
            run: steps:numbers
        """)
    space.good()
    first = space.read("a.txt")
    space.good("--rerun")
    assert space.read("a.txt") == first


def test_a_generator_of_numpy_comes_by_its_annotation(space):
    pytest.importorskip("numpy")
    space.write(
        "steps.py",
        "from numpy.random import Generator\n\n\n"
        "def make(output, rng: Generator):\n"
        "    output.write_text(repr(rng.integers(100, size=5).tolist()))\n",
    )
    space.workflow("""
        rules:
          make:
            output: a.txt
            run: steps:make
        """)
    space.good()
    first = space.read("a.txt")
    space.good("--rerun")
    assert space.read("a.txt") == first


def test_variants_share_their_draws_by_the_names_that_are_said(space):
    space.workflow("""
        wildcards:
          variant: [a, b]
          rep: [1, 2]
        rules:
          all:
            input: ["out/{variant}/{rep}.txt", "more/{rep}.txt"]
          make:
            output: out/{variant}/{rep}.txt
            seed: {by: [rep], key: shared}
            shell: echo {seed} > {output}
          more:
            output: more/{rep}.txt
            seed: {by: [rep], key: shared}
            shell: echo {seed} > {output}
        """)
    space.good()
    assert space.read("out/a/1.txt") == space.read("out/b/1.txt") == space.read("more/1.txt")
    assert space.read("out/a/1.txt") != space.read("out/a/2.txt")


def test_the_order_of_sets_is_the_same_in_each_run(space):
    space.write("steps.py", STEPS)
    space.workflow("""
        rules:
          make:
            output: a.txt
            run: steps:hashes
        """)
    space.good()
    first = space.read("a.txt")
    for _ in range(2):
        space.good("--rerun")
        assert space.read("a.txt") == first


@pytest.mark.parametrize("kind", ["", "async "])
def test_the_order_of_sets_is_the_same_in_each_run_from_python(space: Space, kind: str):
    space.write("steps.py", STEPS.replace("def hashes", f"{kind}def hashes"))
    space.workflow("""
        rules:
          make: {output: a.txt, run: "steps:hashes"}
        """)
    space.good()
    expected = space.read("a.txt")
    environment = space.environment()
    environment.pop("PYTHONHASHSEED", None)
    subprocess.run(
        [sys.executable, "-c", "import fileflow; fileflow.Workflow.load().run(mode='rerun')"],
        cwd=space.root,
        env=environment,
        check=True,
    )
    assert space.read("a.txt") == expected


def test_the_seed_of_one_job_is_not_in_the_environment_of_another(space: Space):
    space.source(
        "steps.py",
        """
        import os
        import time

        def seeded(output):
            output.write_text(os.environ["FILEFLOW_SEED"])

        def other(output):
            time.sleep(0.05)
            output.write_text(os.environ.get("FILEFLOW_SEED", "none"))
        """,
    )
    space.workflow("""
        rules:
          all: {input: [a, b]}
          a: {output: a, executor: serial, run: steps:seeded}
          b: {input: a, output: b, executor: thread, run: steps:other}
        """)
    space.good()
    assert space.read("b") == "none"


@pytest.mark.parametrize(
    "action",
    [
        "shell: echo {seed} > {output}",
        "shell: echo $FILEFLOW_SEED > {output}",
        "argv: [sh, -c, 'echo $1 > $2', x, '{seed}', '{output}']",
        "{script: s.sh, args: ['{seed}', '{output}']}",
    ],
)
def test_a_seed_that_does_not_count_is_the_job_s_own_all_the_same(space: Space, action):
    space.write("s.sh", "echo $1 > $2\n")
    rule = action if action.startswith("{") else "{" + action.replace(": ", ": '", 1) + "'}"
    if "argv" in action:
        rule = "{" + action + "}"
    text = """
        seed: ROOT
        wildcards: {n: {range: 3}}
        rules:
          all: {input: ["{n}.txt", "{n}.own"]}
          own: {output: "{n}.own", run: "o:f", seed: {key: k}}
          make: {output: "{n}.txt", seed: false, ACTION
        """
    space.write("o.py", "def f(output, seed):\n    output.write_text(f'{seed}')\n")
    text = text.replace("seed: {key: k}", "seed: {key: '{}.txt'}").replace("ACTION", rule[1:])
    space.workflow(text.replace("ROOT", "3"))
    space.good()
    assert [space.read(f"{n}.txt").strip() for n in range(3)] == [
        space.read(f"{n}.own") for n in range(3)
    ]
    space.workflow(text.replace("ROOT", "4"))
    assert space.good("-n").planned == {"own 0", "own 1", "own 2"}


BESIDE = """
import random
import time

def wait(output):
    for _ in range(20):
        found = random.random()
        time.sleep(0.02)
    output.write_text(f"{found}")

def innocent(output):
    time.sleep(0.6)
    output.write_text("nothing drawn")

def longer(output):
    time.sleep(1.2)
    output.write_text("nothing drawn")

def draws(output):
    time.sleep(0.2)
    output.write_text(f"{random.random()}")

def slow(output):
    found = []
    for _ in range(10):
        found.append(random.random())
        time.sleep(0.03)
    output.write_text(f"{found}")
"""


def blamed(stderr: str) -> list[str]:
    """The rules that are said to draw from a global generator."""
    lines = [line for line in stderr.splitlines() if "draws from a global" in line]
    return [line.split("rule ")[1].split(":")[0] for line in lines]


def test_a_serial_job_beside_threads_that_draw_has_the_same_bytes(space: Space):
    space.source("steps.py", BESIDE)
    space.source("other.py", BESIDE)
    space.workflow("""
        wildcards: {n: [1, 2, 3]}
        rules:
          all: {input: ["t{n}.txt", s.txt]}
          t: {output: "t{n}.txt", executor: thread, run: "steps:wait"}
          s: {output: s.txt, executor: serial, run: "other:slow"}
        """)
    space.good("-j", "1")
    first = [space.read(name) for name in ("s.txt", "t1.txt", "t2.txt", "t3.txt")]
    for _ in range(2):
        flow = space.flow("-B", "-j", "4")
        assert flow.status == 0, flow.text
        assert [space.read(name) for name in ("s.txt", "t1.txt", "t2.txt", "t3.txt")] == first
        assert blamed(flow.stderr) == ["t"]


def test_who_draws_nothing_is_not_blamed_for_what_runs_beside_it(space: Space):
    space.source("steps.py", BESIDE)
    space.workflow("""
        rules:
          all: {input: [f.txt, g.txt]}
          f: {output: f.txt, executor: thread, run: "steps:innocent"}
          g: {output: g.txt, executor: thread, run: "steps:draws"}
        """)
    flow = space.flow("-j", "4")
    assert flow.status == 0, flow.text
    assert blamed(flow.stderr) == ["g"]


def test_the_seeding_of_a_serial_job_is_no_draw(space: Space):
    space.source("steps.py", BESIDE)
    space.workflow("""
        rules:
          all: {input: [f.txt, s.txt]}
          f: {output: f.txt, executor: thread, run: "steps:innocent"}
          a: {output: a.txt, shell: "sleep 0.3; echo > {output}"}
          s: {input: a.txt, output: s.txt, executor: serial, run: "steps:longer"}
        """)
    flow = space.flow("-j", "4")
    assert flow.status == 0, flow.text
    assert not blamed(flow.stderr)


@pytest.mark.parametrize(
    "keys",
    [
        'shell_prefix: "S={seed};", shell: "echo $S > {output}"',
        'prefix: [env, "S={seed}"], shell: "echo $S > {output}"',
        'shell_words: [env, "S={seed}", bash, -c], shell: "echo $S > {output}"',
        'prefix: [env, "S={seed}"], argv: [bash, -c, "echo $S > $0", "{output}"]',
    ],
)
def test_the_seed_counts_where_words_around_a_command_name_it(space: Space, keys: str):
    space.workflow(f"rules: {{a: {{output: x.txt, {keys}}}}}")
    space.good()
    before = space.read("x.txt")
    assert before.strip().isdigit()
    assert space.good("--seed", "5").counts() == (1, 0, 0, 0)
    assert space.read("x.txt") != before
    assert space.good("--seed", "5").counts() == (0, 1, 0, 0)


@pytest.mark.parametrize("path", ["./u/{a}", "u//{a}", "u/x/../{a}"])
def test_another_spelling_of_an_output_s_path_is_the_same_seed(space: Space, path: str):
    text = 'rules: {r: {output: "%s", shell: "echo {seed} > {output}"}}'
    space.write("Workflowfile", text % "u/{a}")
    space.good("u/1")
    before = space.read("u/1")
    space.write("Workflowfile", text % path)
    assert space.good("u/1").summary["built"] == 0
    space.good("--rerun", "u/1")
    assert space.read("u/1") == before
