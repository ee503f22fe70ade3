"""Scripts: what they are told of their job, how they run, and which change makes them run again."""

import json
import shutil
import textwrap

import pytest

from .space import Space

FACTS = """\
    import json, os
    from fileflow import job

    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(job.rule + "\\n")
    with open(os.environ["FILEFLOW_JOB"]) as file:
        facts = json.load(file)
    with open(job.output[0], "w") as out:
        json.dump(facts, out)
    """


def test_a_script_gets_its_inputs_and_then_its_outputs_as_words(space: Space):
    space.write("a b.txt", "1\n")
    space.source(
        "scripts/join.py",
        """
        import os, sys
        assert __name__ == "__main__" and sys.argv[0] == "scripts/join.py"
        assert os.path.samefile(__file__, "scripts/join.py")
        open(sys.argv[2], "w").write(open(sys.argv[1]).read() + os.path.basename(os.getcwd()))
        """,
    )
    space.workflow("""
        rules:
          join:
            input: a b.txt
            output: out/x.txt
            script: scripts/join.py
        """)
    space.good()
    assert space.read("out/x.txt") == "1\nproject"
    assert space.good().built == set()


def test_args_are_the_words_of_a_script(space: Space):
    space.source(
        "s.py", 'import sys; open(sys.argv[-1], "w").write(repr(sys.argv[1:-1]) + "\\n")\n'
    )
    space.workflow("""
        rules:
          make:
            output: "{x}.txt"
            params: {n: 01}
            script: s.py
            args: ["--n", "{params.n}", "a b", "{x}", "{output}"]
        """)
    space.good("q.txt")
    assert space.read("q.txt") == "['--n', '01', 'a b', 'q']\n"


def test_the_job_file_holds_what_the_spec_lists(space: Space):
    space.source("s.py", FACTS)
    space.write("a.txt", "")
    space.write("b1.txt", "")
    space.write("b2.txt", "")
    space.workflow("""
        config: {model: {lr: 0.5, depth: 3}, other: secret, tags: [x, y]}
        wildcards:
          k: [1, 2]
        rules:
          make:
            input: {z: a.txt, many: "b{k}.txt"}
            output: {main: "out/{s}.json"}
            params: {lr: "{config.model.lr}", tags: "{config.tags}", name: "{s}"}
            cores: 1
            resources: {api: 2}
            script: s.py
        """)
    space.good("out/v.json")
    facts = json.loads(space.read("out/v.json"))
    assert list(facts["input"]) == ["z", "many"]
    assert facts["input"] == {"z": "a.txt", "many": ["b1.txt", "b2.txt"]}
    assert facts["output"]["main"].endswith("/out/v.json")
    assert facts["params"] == {"lr": 0.5, "tags": ["x", "y"], "name": "v"}
    assert facts["config"] == {"model": {"lr": 0.5}, "tags": ["x", "y"]}
    assert facts["wildcards"] == {"s": "v"}
    assert (facts["cores"], facts["resources"], facts["rule"]) == (1, {"api": 2}, "make")
    assert facts["attempt"] == 1 and isinstance(facts["seed"], int)
    assert facts["log"].endswith(".log")


def test_the_job_object_gives_paths_and_values_by_name(space: Space):
    space.source(
        "s.py",
        """
        from pathlib import Path
        from fileflow import job

        assert job.input[0] == Path("a.txt") == job.input.first
        assert job.input.rest == [Path("b.txt"), Path("c.txt")] and len(job.input) == 3
        assert job.params.deep.x == 1 and job.params["deep"]["x"] == 1
        assert job.wildcards.s == "v" and job.rule == "make" and job.attempt == 1
        assert job.cores == 1 and job.seed < 2**31
        assert isinstance(job.log, Path) and job.log.exists()
        try:
            job.params.dep
        except AttributeError as error:
            assert "'deep'" in str(error)
        job.output.out.write_text(f"{job.seed} {job.rng.random()} {job.rng.random()}")
        with open(job.output) as file:
            assert file.read()
        """,
    )
    for name in "abc":
        space.write(f"{name}.txt", "")
    space.workflow("""
        rules:
          make:
            input: {first: a.txt, rest: [b.txt, c.txt]}
            output: {out: "{s}.txt"}
            params: {deep: {x: 1}}
            script: s.py
        """)
    space.good("v.txt")
    first = space.read("v.txt")
    space.good("-B", "v.txt")
    assert space.read("v.txt") == first


def test_a_name_goes_before_a_method_of_that_name(space: Space):
    space.workflow("""
        wildcards: {values: [w]}
        rules:
          s:
            input: {index: a.txt, count: b.txt}
            output: "{values}.txt"
            params: {items: 3, get: {keys: k}}
            script: s.py
        """)
    space.write("a.txt", "")
    space.write("b.txt", "")
    space.source(
        "s.py",
        """
        import copy, pickle
        from fileflow import job

        for paths in (job.input, copy.deepcopy(job.input), pickle.loads(pickle.dumps(job.input))):
            assert (paths.index.name, paths.count.name, len(paths)) == ("a.txt", "b.txt", 2)
        assert copy.deepcopy(job.params) == pickle.loads(pickle.dumps(job.params)) == job.params
        found = job.wildcards.values, job.params.items, job.params.get.keys
        job.output[0].write_text(repr(found))
        """,
    )
    space.good()
    assert space.read("w.txt") == "('w', 3, 'k')"


def test_a_script_draws_what_a_function_would(space: Space):
    space.source(
        "s.py",
        """
        import random
        from fileflow import job
        job.output[0].write_text(f"{job.rng.random()} {random.random()} {job.seed}")
        """,
    )
    space.source(
        "f.py",
        """
        import random
        def make(output, rng, seed):
            output.write_text(f"{rng.random()} {random.random()} {seed}")
        """,
    )
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            output: a.txt
            seed: {key: same}
            script: s.py
          b:
            output: b.txt
            seed: {key: same}
            run: f:make
        """)
    space.good()
    assert space.read("a.txt") == space.read("b.txt")


def test_outside_of_a_job_the_error_is_clear(space: Space):
    space.write("s.py", "from fileflow import job\nprint(job.input)\n")
    space.workflow(
        """
        rules:
          make:
            output: x.txt
            shell: python3 s.py > {output}
            env: {PATH: "%s"}
        """.replace("%s", f"{shutil.os.path.dirname(shutil.sys.executable)}:/usr/bin:/bin")
    )
    flow = space.flow()
    assert flow.status == 1
    assert "FILEFLOW_JOB is not set" in flow.text


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("sys.exit()", 0),
        ("sys.exit(0)", 0),
        ("sys.exit(256)", 0),
        ("sys.exit(3)", 1),
        ("sys.exit('no such month')", 1),
        ("raise ValueError('no such month')", 1),
        ("os._exit(4)", 1),
    ],
)
def test_how_a_script_ends_is_how_the_job_ends(space: Space, ending: str, status: int):
    space.write("s.py", f"import os, sys\nopen(sys.argv[1], 'w').close()\nprint('hello')\n{ending}")
    space.workflow("""
        rules:
          make:
            output: x.txt
            script: s.py
        """)
    flow = space.flow()
    assert flow.status == status, flow.text
    assert space.exists("x.txt") == (status == 0)
    if status:
        assert "hello" in flow.stderr
        for word in ("no such month", "exit status 3"):
            assert (word in flow.stderr) == (word.split()[-1] in ending or word in ending)
    else:
        assert space.flow("log", "x.txt").stdout == "hello\n"


def test_one_script_leaves_nothing_to_the_next(space: Space):
    space.write("helper.py", "count = 0\n")
    space.write("pkg/inner.py", "count = 0\n")
    space.source(
        "scripts/s.py",
        """
        import atexit, logging, os, sys, threading, time, warnings
        import helper, near
        from pkg import inner
        assert "mine" not in globals() and not logging.root.handlers
        assert helper.count == inner.count == near.count == 0 and "LEFT" not in os.environ
        assert "/nowhere" not in sys.path and os.path.exists("Workflowfile")
        mine = helper.count = inner.count = near.count = 1
        logging.basicConfig(level=10)
        os.environ["LEFT"] = "x"
        sys.path.insert(0, "/nowhere")
        out = sys.argv[1]
        def late():
            time.sleep(0.05)
            with open(out, "a") as file:
                file.write("thread ")
        atexit.register(lambda: open(out, "a").write("exit"))
        here = os.getcwd()
        out = os.path.abspath(out)
        os.chdir("/")
        threading.Thread(target=late).start()
        """,
    )
    space.write("scripts/near.py", "count = 0\n")
    space.workflow("""
        wildcards:
          n: {range: 6}
        rules:
          all:
            input: out/{n}.txt
          make:
            output: out/{n}.txt
            script: scripts/s.py
        """)
    space.good("-j", "1")
    assert [space.read(f"out/{n}.txt") for n in range(6)] == ["thread exit"] * 6


def test_many_scripts_cost_no_interpreter_each(space: Space):
    space.source("s.py", "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()))\n")
    space.workflow("""
        wildcards:
          n: {range: 20}
        rules:
          all:
            input: out/{n}.txt
          make:
            output: out/{n}.txt
            script: s.py
        """)
    space.good("-j", "2")
    assert len({space.read(f"out/{n}.txt") for n in range(20)}) <= 2


def test_a_change_of_the_script_or_of_what_it_imports_builds_again(space: Space):
    space.source("scripts/s.py", "import helper\n" + FACTS.replace("\n    ", "\n").strip())
    space.write("scripts/helper.py", "x = 1\n")
    space.workflow("""
        rules:
          make:
            output: x.json
            script: scripts/s.py
        """)
    space.good()
    space.replace("scripts/helper.py", "1", "1  # one")
    assert space.good().built == set()
    space.replace("scripts/s.py", "import helper", "import helper  # mine")
    assert space.good("-n").planned == {"make"}
    assert space.good().built == {"make"}
    space.replace("scripts/helper.py", "1", "2")
    assert space.good().built == {"make"}
    space.replace("scripts/s.py", "json.dump(facts, out)", "json.dump([facts], out)")
    assert space.good("-n").planned == {"make"}
    assert space.good().built == {"make"}


def test_params_of_a_script_keep_their_type(space: Space):
    space.source("s.py", FACTS)
    space.workflow("""
        rules:
          make:
            output: x.json
            params: {n: 1}
            script: s.py
        """)
    space.good()
    space.replace("Workflowfile", "{n: 1}", '{n: "1"}')
    assert space.good().built == {"make"}
    assert json.loads(space.read("x.json"))["params"] == {"n": "1"}


def test_a_path_with_wildcards_chooses_the_script_of_each_job(space: Space):
    for name in ("one", "two"):
        space.write(
            f"scripts/{name}.py", f"import sys\nopen(sys.argv[1], 'w').write('{name}\\n')\n"
        )
    space.workflow("""
        wildcards:
          name: [one, two]
        rules:
          all:
            input: "{name}.txt"
          make:
            output: "{name}.txt"
            script: scripts/{name}.py
        """)
    space.good()
    assert space.read("two.txt") == "two\n"
    space.replace("scripts/two.py", "two", "2")
    assert space.good("-n").planned == {"make two"}
    assert space.good().built == {"make two"}
    assert space.good().built == set()
    space.delete("scripts/one.py")
    flow = space.flow()
    assert flow.status == 2
    assert "scripts/one.py" in flow.stderr


def test_a_script_that_is_an_input_may_be_made_first(space: Space):
    space.workflow("""
        rules:
          make:
            input: gen/s.py
            output: x.txt
            script: gen/s.py
            args: ["{output}"]
          gen:
            output: gen/s.py
            shell: echo "import sys; open(sys.argv[1], 'w').write('made')" > {output}
        """)
    assert space.good().built == {"gen", "make"}
    assert space.read("x.txt") == "made"
    assert space.good().built == set()


def test_shell_scripts_run_as_commands(space: Space):
    space.write("s.sh", 'test -f "$FILEFLOW_JOB"; cat "$1" "$FILEFLOW_JOB" > "$2"\n')
    space.write("in.txt", "x\n")
    space.write("tool", '#!/bin/sh\necho "$FILEFLOW_SEED" > "$1"\n').chmod(0o755)
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            input: in.txt
            output: a.txt
            script: s.sh
          b:
            output: b.txt
            script: tool
        """)
    space.good()
    assert space.lines("a.txt")[0] == "x"
    assert json.loads(space.lines("a.txt")[1])["rule"] == "a"
    assert space.read("b.txt").strip().isdigit()


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
def test_r_scripts_run_as_commands(space: Space):
    space.write("s.R", "writeLines(Sys.getenv('FILEFLOW_JOB'), commandArgs(TRUE)[1])\n")
    space.workflow("""
        rules:
          make:
            output: a.txt
            script: s.R
        """)
    space.good()
    assert "job.json" in space.read("a.txt")


def test_with_a_prefix_a_script_is_a_command(space: Space):
    space.write("lib/__init__.py", "")
    space.write("lib/m.py", "x = 5\n")
    space.write(
        "scripts/s.py",
        "import os\nfrom fileflow import job\nfrom lib.m import x\n"
        "job.output[0].write_text(f'{x} {os.environ[\"BY\"]} {os.getpid()}')\n",
    )
    space.workflow("""
        wildcards:
          n: [1, 2]
        rules:
          all:
            input: "{n}.txt"
          make:
            output: "{n}.txt"
            prefix: [env, BY=prefix]
            script: scripts/s.py
        """)
    space.good("-j", "1")
    first, second = space.read("1.txt").split(), space.read("2.txt").split()
    assert first[:2] == second[:2] == ["5", "prefix"]
    assert first[2] != second[2]


def test_a_missing_script_is_an_error_before_anything_runs(space: Space):
    space.write("scripts/fit.py", "")
    space.workflow("""
        rules:
          make:
            output: x.txt
            script: scripts/fti.py
        """)
    flow = space.flow()
    assert flow.status == 2
    assert "scripts/fti.py" in flow.stderr and "scripts/fit.py" in flow.stderr


def test_env_with_wildcards_reaches_functions_and_scripts(space: Space):
    space.write("f.py", "import os\n\ndef f(output):\n    output.write_text(os.environ['X'])\n")
    space.write("s.py", "import os, sys\nopen(sys.argv[1], 'w').write(os.environ['X'])\n")
    space.workflow("""
        wildcards:
          n: [1, 2]
        rules:
          all:
            input: ["f{n}.txt", "s{n}.txt"]
          f:
            output: f{n}.txt
            env: {X: "v{n}"}
            run: f:f
          s:
            output: s{n}.txt
            env: {X: "v{n}"}
            script: s.py
        """)
    space.good("-j", "1")
    assert [space.read(f"{k}{n}.txt") for k in "fs" for n in (1, 2)] == ["v1", "v2"] * 2


@pytest.mark.parametrize("private", ["false", "true"])
def test_a_script_with_a_prefix_is_seeded_as_one_without(space: Space, private: str) -> None:
    pytest.importorskip("numpy")
    space.write("lib.py", "x = 'lib'\n")
    space.write(
        "scripts/s.py",
        "import random, sys\nimport numpy, lib\nassert __name__ == '__main__'\n"
        "numbers = random.random(), float(numpy.random.rand())\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    print(*numbers, lib.x, len(sys.argv), __file__.endswith('s.py'), file=file)\n",
    )
    text = """
        wildcards:
          n: [1, 2]
        rules:
          all:
            input: "{n}.txt"
          make:
            output: "{n}.txt"
            private: PRIVATE
            prefix: PREFIX
            script: scripts/s.py
            args: ["{output}", "{n}"]
        """.replace("PRIVATE", private)
    made = []
    for prefix in ("[]", "[env]", "[env, A=b]"):
        space.workflow(text.replace("PREFIX", prefix))
        space.good("--rerun")
        made.append([space.read("1.txt"), space.read("2.txt")])
    assert made[0] == made[1] == made[2]
    assert made[0][0] != made[0][1] and made[0][0].endswith(" lib 3 True\n")
    flow = space.flow("-n", "-p", "--rerun")
    assert "env A=b python3 " in flow.stdout and "seeded" not in flow.stdout
    space.workflow(text.replace("PREFIX", "[env]") + "    seed: false\n")
    space.good()
    first = space.read("1.txt")
    space.good("--rerun")
    assert space.read("1.txt") != first


POOLS = {
    "threads": """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        print(list(pool.map(abs, [-1, 2])), file=out, flush=True)
        pool.submit(lambda: time.sleep(0.2) or print("late", file=out, flush=True))
        """,
    "processes": """
        from concurrent.futures import ProcessPoolExecutor
        pool = ProcessPoolExecutor(2)
        print(list(pool.map(abs, [-1, 2])), file=out, flush=True)
        """,
    "loky": """
        import loky
        print(list(loky.get_reusable_executor(2).map(abs, [-1, 2])), file=out, flush=True)
        """,
}


@pytest.mark.parametrize("kind", POOLS)
def test_a_script_may_leave_a_pool_open(space: Space, kind: str):
    begins = "import sys, time\nout = open(sys.argv[1], 'w')\n"
    space.write("s.py", begins + textwrap.dedent(POOLS[kind]))
    space.workflow("""
        wildcards: {n: {range: 3}}
        rules:
          all: {input: "{n}.txt"}
          make: {output: "{n}.txt", script: s.py, timeout: 30}
        """)
    flow = space.good("-j", "1")
    for n in range(3):  # the pool of one script is none of the next
        assert space.read(f"{n}.txt") == "[1, 2]\n" + "late\n" * (kind == "threads")
    assert "warning" not in flow.text


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_processes_of_a_script_know_its_classes(space: Space, method: str):
    space.source(
        "s.py",
        f"""
        import multiprocessing, sys

        class Answer:
            value = 3

        def work(x):
            return Answer()

        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                found = pool.map(work, [1, 2])
            open(sys.argv[1], "w").write(str([one.value for one in found]))
        """,
    )
    space.workflow("rules: {make: {output: x.txt, script: s.py, timeout: 30}}")
    assert "warning" not in space.good().text
    assert space.read("x.txt") == "[3, 3]"


def test_what_fails_at_the_exit_of_a_script_is_printed_and_no_failure(space: Space):
    space.source(
        "s.py",
        """
        import atexit, sys
        atexit.register(lambda: open(sys.argv[1], "w").write("made"))
        atexit.register(lambda: 1 / 0)
        """,
    )
    space.workflow("rules: {make: {output: x.txt, script: s.py}}")
    space.good()
    assert space.read("x.txt") == "made"
    assert "ZeroDivisionError" in space.flow("log", "x.txt").stdout
