"""Seeds: the same bytes for any number of jobs at once, any executor and any order."""

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
