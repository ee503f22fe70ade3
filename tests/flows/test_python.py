"""Workflows from Python: what a run gives back, where its plan is made in several steps."""

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fileflow import FileflowError, Workflow
from fileflow.engine import events

from .space import Space, wait_for

RUN = """\
import json
from fileflow import Workflow

result = Workflow.load("Workflowfile").run([], jobs=2)
print(json.dumps({
    "status": result.status,
    **{
        name: [[one.rule, *one.wildcards.values(), one.status] for one in getattr(result, name)]
        for name in ("built", "kept", "failed", "skipped")
    },
}))
"""
TEXT = """\
rules:
  total:
    input: build/upper/{part}.txt
    output: build/total.txt
    shell: cat {input} > {output}
  split:
    input: data.txt
    output: build/parts/{part}.txt
    scatter: part
    shell: split -l 1 -d --additional-suffix=.txt {input} {output}/
  upper:
    input: build/parts/{part}.txt
    output: build/upper/{part}.txt
    shell: tr a-z A-Z < {input} > {output}
"""
ALL = ["split", "total", "upper 00", "upper 01"]


def printed(space: Space, program: str) -> str:
    """What a program prints that ends well in the project's folder."""
    space.write("go.py", program)
    return subprocess.run(
        [sys.executable, "go.py"],
        cwd=space.root,
        env=space.environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def run(space: Space) -> dict[str, list[str]]:
    found = json.loads(printed(space, RUN))
    return {
        name: sorted(" ".join(job[:-1]) for job in jobs)
        for name, jobs in found.items()
        if name != "status" and jobs
    }


def test_each_job_is_listed_once_where_values_are_found_while_running(space: Space) -> None:
    space.write("Workflowfile", TEXT)
    space.write("data.txt", "a\nb\n")
    assert run(space) == {"built": ALL}
    assert run(space) == {"kept": ALL}
    space.write("data.txt", "a\nc\n")
    assert run(space) == {"built": ["split", "total", "upper 01"], "kept": ["upper 00"]}


def test_what_was_not_found_is_listed_as_skipped(space: Space) -> None:
    space.write("Workflowfile", TEXT.replace("split -l", "false; split -l"))
    space.write("data.txt", "a\nb\n")
    assert run(space) == {"failed": ["split"], "skipped": ["total"]}


def test_the_keys_of_mappings_are_handed_over_sorted(space: Space) -> None:
    """Their order is no reason to build again, so it must not be seen."""
    space.write(
        "steps.py",
        """
def whole(output, params, config):
    output.write_text(f"{list(params)} {list(params['p'])} {list(params['l'][0])} {list(config)}")

def some(output, p, z):
    output.write_text(f"{list(p)} {list(z)} {list(z['n'])}")

def rest(output, **more):
    output.write_text(str([name for name in more if name != "output"]))
""",
    )
    text = """
        config: {z: {n: {d: 1, c: 2}, m: 1}, y: 2}
        rules:
          all: {input: [w, s, r]}
          w: {output: w, params: {p: {b: 1, a: 2}, l: [{f: 1, e: 2}]}, run: "steps:whole"}
          s: {output: s, params: {z: "{config.z}", p: {b: 1, a: 2}}, run: "steps:some"}
          r: {output: r, params: {q: 1, p: 2}, run: "steps:rest"}
        """
    space.workflow(text)
    space.good()
    made = [space.read(name) for name in "wsr"]
    assert made == [
        "['l', 'p'] ['a', 'b'] ['e', 'f'] ['y', 'z']",
        "['a', 'b'] ['m', 'n'] ['c', 'd']",
        "['p', 'q']",
    ]
    for before, after in (
        ("{d: 1, c: 2}, m: 1", "{c: 2, d: 1}, m: 1"),
        ("p: {b: 1, a: 2}", "p: {a: 2, b: 1}"),
        ("{q: 1, p: 2}", "{p: 2, q: 1}"),
    ):
        text = text.replace(before, after)
    space.workflow(text)
    assert space.good().built == set()
    space.good("--rerun")
    assert [space.read(name) for name in "wsr"] == made


@pytest.fixture
def workflow(space: Space) -> Workflow:
    space.workflow("""
        wildcards: {n: [1, 2]}
        rules:
          all: {input: "p/{n}"}
          make: {output: "p/{n}", shell: "echo {n} > {output}"}
        """)
    return Workflow.load(space.path("Workflowfile"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"mode": "rerunn"}, "mode is 'resume' or 'rerun', not 'rerunn'\ndid you mean 'rerun'?"),
        ({"mode": None}, "mode is 'resume' or 'rerun', not None\nknown here: rerun, resume"),
        ({"jobs": 0}, "jobs is how many cores may be used, at least 1, not 0"),
        ({"jobs": -1}, "jobs is how many cores may be used, at least 1, not -1"),
        ({"jobs": "2"}, "jobs is a whole number, not '2'"),
        ({"jobs": 1.5}, "jobs is a whole number, not 1.5"),
        ({"jobs": True}, "jobs is a whole number, not True"),
        ({"keep_going": "no"}, "keep_going is True or False, not 'no'"),
        ({"executor": 3}, "executor is the name of one, not 3"),
        ({"executor": "proces"}, "did you mean 'process'?"),
        ({"targets": "all"}, "of rules, paths and patterns, not 'all'\nwrite ['all']"),
        ({"targets": None}, "not None\nwrite [] for those of the first rule"),
        ({"targets": 3}, "targets is a list of rules, paths and patterns, not 3"),
        ({"targets": [3]}, "a target is a text or a Path, not 3"),
        ({"on_event": 3}, "on_event is a function that takes an event, not 3"),
    ],
)
def test_a_wrong_argument_is_told(workflow: Workflow, said, words) -> None:
    with pytest.raises(FileflowError) as caught:
        workflow.run(**said)
    assert str(caught.value).endswith(words)
    if "mode" in said or "targets" in said:
        with pytest.raises(FileflowError) as caught:
            workflow.plan(**said)
        assert words in str(caught.value)


def test_an_executor_that_is_not_there_is_told_also_where_nothing_is_to_do(
    workflow: Workflow,
) -> None:
    assert workflow.run().status == 0 and not workflow.run(executor="thread").built
    with pytest.raises(FileflowError, match="there is no executor 'tread'"):
        workflow.run(executor="tread")


def test_a_seed_that_is_no_number_is_told(space: Space, workflow: Workflow) -> None:
    with pytest.raises(FileflowError, match="seed is a whole number, not 'a'"):
        Workflow.load(space.path("Workflowfile"), seed="a")  # type: ignore[arg-type]


def test_a_workflow_that_cannot_be_named_or_config_that_is_no_data_is_told(space: Space) -> None:
    space.workflow("config: {k: 1}\nrules: {a: {output: o, shell: 'echo {config.k} > {output}'}}")
    file = space.path("Workflowfile")
    with pytest.raises(FileflowError, match="named by a text or a Path, not 3"):
        Workflow.load(3)  # type: ignore[arg-type]
    with pytest.raises(FileflowError, match="config is a mapping of names to values, not 'k=1'"):
        Workflow.load(file, config="k=1")  # type: ignore[arg-type]
    with pytest.raises(FileflowError, match="config: k is no plain value"):
        Workflow.load(file, config={"k": {1}})
    for key in ("k k", "k/k", "k=", ""):
        with pytest.raises(FileflowError, match=f"^config: '{key}' is no key\na key is a name, or"):
            Workflow.load(file, config={key: 1})
    with pytest.raises(FileflowError, match=r"^config=\{'kk': …\}: no config has kk, and no rule"):
        Workflow.load(file, config={"kk": 1})
    with pytest.raises(FileflowError) as caught:
        Workflow.load(file, config={"kk": 1, "zzz": 2})
    assert "--config" not in str(caught.value) and "config={'zzz': …}" in str(caught.value)


def test_whose_folder_is_held_is_told_what_helps_from_python(space: Space) -> None:
    space.workflow("rules: {a: {output: o, shell: 'echo > {output}'}}")
    workflow = Workflow.load(space.path("Workflowfile"))
    told: list[str] = []

    def again(event: object) -> None:
        if isinstance(event, events.JobEnded):
            with pytest.raises(FileflowError) as caught:
                workflow.run()
            told.append(str(caught.value))
            assert caught.value.status == 5

    assert workflow.run(on_event=again).ok
    assert len(told) == 1 and told[0].startswith("another run holds this folder")
    assert told[0].endswith("\nrun it when that one has ended; a job or a listener of it cannot")


def test_events_can_be_shown_kept_and_sent(workflow: Workflow) -> None:
    told: list[events.Event] = []
    assert workflow.run(jobs=1, on_event=told.append).ok
    ended = [event for event in told if isinstance(event, events.JobEnded)]
    assert [repr(event.job) for event in ended] == ["<job make n=1>", "<job make n=2>"]
    for event, kept in zip(ended, pickle.loads(pickle.dumps(copy.deepcopy(ended))), strict=True):
        assert isinstance(kept.job, events.JobFacts)
        for name in ("rule", "wildcards", "outputs", "label"):
            assert getattr(kept.job, name) == getattr(event.job, name)


def test_values_of_config_arrive_as_they_are(space: Space) -> None:
    space.workflow("""
        config: {v: 0}
        rules: {a: {output: o, params: {v: "{config.v}"}, run: "steps:show"}}
        """)
    space.write("steps.py", "def show(output, v):\n    output.write_text(ascii(v))\n")
    inf, nan = float("inf"), float("nan")
    values = [inf, -inf, nan, [1.5, [inf], nan], {"a": {"b": -inf}}, {"1": True, "x": None}]
    values += [
        "\U0001f600",
        {"\U0001f600": 'a\U0001f600\\ud83d"\u2028\n'},
        ["inf", ".inf", "", "~"],
    ]
    for value in values:
        workflow = Workflow.load(space.path("Workflowfile"), config={"v": value})
        assert workflow.run(mode="rerun", executor="serial").ok
        assert space.read("o") == ascii(value)
    round_about: list[object] = []
    round_about.append(round_about)
    for wrong in ({(1, 2): 3}, [{1}], round_about):
        with pytest.raises(FileflowError, match="config: v is no plain value"):
            Workflow.load(space.path("Workflowfile"), config={"v": wrong})


def test_a_path_is_a_target(space: Space, workflow: Workflow) -> None:
    wanted = [Path("p/1"), space.path("p/2")]
    assert len(workflow.plan(wanted).stale) == 2
    assert [job.outputs for job in workflow.run(wanted[:1]).built] == [("p/1",)]
    assert [job.outputs for job in workflow.run(wanted).built] == [("p/2",)]
    with pytest.raises(FileflowError, match="no file 'all'"):
        workflow.run([Path("all")])


@pytest.mark.parametrize("executor", ["thread", "serial", "process"])
@pytest.mark.parametrize("name", ["steps", "below.helper"])
def test_a_module_that_was_imported_from_elsewhere_does_not_run_in_place_of_the_projects(
    space: Space, executor: str, name: str
) -> None:
    space.source("project/Workflowfile", "rules: {a: {output: o, run: 'steps:a'}}")
    space.write(
        "project/steps.py",
        "import below.helper, stat\n\n\ndef a(output):\n    output.write_text(below.helper.WORD)\n",
    )
    space.write("project/below/helper.py", "WORD = 'right'\n")
    space.write("project/stat.py", "")  # Python has its own before it runs anything
    space.write("steps.py", "def a(output):\n    output.write_text('wrong')\n")
    space.write("below/helper.py", "WORD = 'wrong'\n")
    space.write(
        "app.py",
        f"import {name}, sys\n"
        "from fileflow import FileflowError, Workflow\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        print(Workflow.load('project').run(mode='rerun', executor=sys.argv[1]).ok)\n"
        "    except FileflowError as error:\n"
        "        print(error)\n"
        "    sys.modules.pop('steps', None), sys.modules.pop('below.helper', None)\n"
        "    sys.path.insert(0, 'project')\n"
        "    sys.modules.pop('below', None)\n"
        "    import steps\n",
    )
    done = subprocess.run(
        [sys.executable, "app.py", executor],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    if executor != "process":
        file = space.path(f"{name.replace('.', '/')}.py")
        assert f"{name} is in this process the module {file}" in done.stdout
        assert "rename one of them" in done.stdout
    assert done.stdout.splitlines()[-1] == "True"
    assert space.read("project/o") == "right"


STREAMS = """\
import io, sys
from fileflow import Workflow, parallel_map


class NoFlush:
    said = ""

    def write(self, text):
        NoFlush.said += text


how, executor = sys.argv[1:]
made = {"none": None, "closed": open("closed", "w"), "no flush": NoFlush()}
made["closed"].close()
if how in made:
    sys.stdout = sys.stderr = made[how]
before = sys.stdout, sys.stderr
ok = Workflow.load().run(
    mode="rerun", executor=executor, on_event=lambda _: print("x") if how == "no flush" else None
).ok
found = parallel_map(len, ["a", "bb"], executor=executor)
with open("result", "w") as file:
    file.write(f"{ok} {found} {before == (sys.stdout, sys.stderr)} {'x' in NoFlush.said}")
"""


def without(*streams: int) -> Callable[[], None]:
    """Called in a new process: closes what it inherits."""
    return lambda: [os.close(number) for number in streams] and None


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
@pytest.mark.parametrize("how", ["none", "closed", "no flush", "0", "2", "012"])
def test_a_process_may_lack_streams(space: Space, how: str, executor: str) -> None:
    space.workflow("rules: {a: {output: o, run: 'steps:a'}, b: {output: p, shell: 'echo > p'}}")
    space.write("steps.py", "def a(output):\n    print('said')\n    output.write_text('x')\n")
    space.write("go.py", STREAMS)
    done = subprocess.run(
        [sys.executable, "go.py", how, executor],
        cwd=space.root,
        env=space.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=without(*map(int, how)) if how.isdigit() else None,
        timeout=30,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout
    assert space.read("result") == f"True [1, 2] True {how == 'no flush'}"


LOADING = """\
import sys
from fileflow import FileflowError, Workflow

try:
    Workflow.load(sys.argv[1])
except FileflowError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["-m", "fileflow", "-C", "ROOT", "status"], 0, "a  1 missing\n"),
        (["-m", "fileflow", "status"], 2, "fileflow: the current folder is not there any more\n"),
        (["-c", LOADING, "ROOT"], 0, "the current folder is not there any more\n"),
    ],
)
def test_a_working_folder_that_was_deleted_is_told(
    space: Space, words: list[str], status: int, said: str
) -> None:
    space.workflow("rules: {a: {output: o, shell: 'echo > {output}'}}")
    gone = ["bash", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "bash"]
    done = subprocess.run(
        [*gone, sys.executable, *(str(space.root) if word == "ROOT" else word for word in words)],
        cwd=space.outside,
        env=space.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (status, said)


DAEMONIC = """\
import multiprocessing
from fileflow import FileflowError, Workflow, parallel_map


def go(executor):
    told = []
    for does in (
        lambda: Workflow.load().run(mode="rerun", executor=executor).ok,
        lambda: parallel_map(len, ["a", "bb"], executor=executor),
    ):
        try:
            told.append(str(does()))
        except FileflowError as error:
            told.append(str(error))
    return "|".join(told)


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(*pool.map(go, ["thread", "serial", "process"]), sep="\\n")
"""


def test_a_daemonic_process_runs_what_needs_no_processes(space: Space) -> None:
    space.workflow("rules: {a: {output: o, run: 'steps:a'}}")
    space.write("steps.py", "def a(output):\n    output.write_text('x')\n")
    first, second, *rest = printed(space, DAEMONIC).splitlines()
    assert (first, second) == ("True|[1, 2]", "True|[1, 2]")
    said = "\n".join(rest)
    assert said.count("this process is daemonic") == 2
    assert "executor thread or serial" in said and "executor='thread' or 'serial'" in said


FORKED = """\
import multiprocessing
import steps
from fileflow import FileflowError, Workflow


def go(executor):
    try:
        Workflow.load("below").run(executor=executor)
    except FileflowError as error:
        return str(error)


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(*pool.map(go, [None, "process", "thread"]), sep="\\n")
"""


def test_a_daemonic_process_says_that_it_has_another_module(space: Space) -> None:
    space.source("below/Workflowfile", "rules: {a: {output: o, run: 'steps:a'}}")
    space.write("below/steps.py", "def a(output):\n    output.write_text('x')\n")
    space.write("steps.py", "def b(output):\n    pass\n")
    said = printed(space, FORKED)
    told = f"steps is in this process the module {space.root}/steps.py, which was imported before"
    assert said.count(told) == 3, said
    cure = "rename one of them, or call it from a process that is not daemonic"
    assert said.count(cure) == 3


def nested(space: Space, outer: str, inner: str, does: str) -> None:
    """A workflow whose job runs another one, of which each job does something."""
    space.workflow(f"""
        rules:
          make: {{output: out.txt, run: "steps:make", executor: {outer}}}
        """)
    space.write(
        "steps.py",
        f"{'async ' * (outer == 'async')}def make(output):\n"
        "    from fileflow import Workflow\n"
        "    result = Workflow.load('below/Workflowfile').run(jobs=2)\n"
        "    output.write_text(str(result.ok) + str(len(result.built)))\n",
    )
    space.source(
        "below/Workflowfile",
        f"""
        wildcards: {{n: [1, 2]}}
        rules:
          all: {{input: "{{n}}.txt"}}
          make: {{output: "{{n}}.txt", run: "inner:make", executor: {inner}}}
        """,
    )
    space.write(
        "below/inner.py",
        "import os, pathlib, time\n\n\n"
        f"{'async ' * (inner == 'async')}def make(output):\n"
        f"    output.write_text('x')\n    {does}\n",
    )


@pytest.mark.parametrize("inner", ["process", "thread", "serial", "async"])
@pytest.mark.parametrize("outer", ["process", "serial", "async"])
def test_a_job_may_run_another_workflow(space: Space, outer: str, inner: str) -> None:
    nested(space, outer, inner, "pass")
    space.good("-j", "1")
    assert space.read("out.txt") == "True2"
    assert (space.read("below/1.txt"), space.read("below/2.txt")) == ("x", "x")


def test_a_job_in_a_thread_that_runs_another_workflow_is_told_to_have_a_process(
    space: Space,
) -> None:
    nested(space, "thread", "process", "pass")
    flow = space.run()
    assert flow.status == 1
    assert f"another thread of this process works in {space.root}" in flow.text
    assert "executor: process" in flow.text
    assert not space.exists("below/1.txt") and not space.exists("below/.fileflow")


def test_one_thread_of_a_process_runs_a_workflow_at_a_time(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share the working folder: what one makes would be published in the other's."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        space.source(
            f"{name}/Workflowfile",
            f"rules: {{a: {{output: o.txt, shell: 'sleep 1; echo {name} > {{output}}'}}}}",
        )
    one, two = (Workflow.load(space.path(name)) for name in ("one", "two"))
    begun, over = threading.Event(), threading.Event()
    oks = []

    def first() -> None:
        oks.append(one.run(on_event=lambda _: begun.set()).ok)
        over.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(20)
    for refused in (two.run, two.plan, lambda: Workflow.load(space.path("two"))):
        with pytest.raises(FileflowError, match=f"works in {space.path('one')}, "):
            refused()
    assert not over.is_set() and not space.exists("two/.fileflow")
    thread.join()
    assert oks == [True] and Path.cwd() == tmp_path
    assert two.run().ok and Path.cwd() == tmp_path
    assert [space.read(f"{name}/o.txt") for name in ("one", "two")] == ["one\n", "two\n"]


@pytest.mark.parametrize("outer", ["process", "serial"])
def test_a_signal_ends_the_run_in_a_job_and_the_one_around_it(space: Space, outer: str) -> None:
    nested(
        space, outer, "process", "pathlib.Path(os.environ['FLAGS'], 'on').touch(); time.sleep(60)"
    )
    running = space.start("-j", "1")
    wait_for(lambda: space.flagged("on"), "the inner job")
    running.send(signal.SIGINT)
    flow = running.end(20)
    assert flow.status == 130, flow.text
    assert not space.exists("out.txt")


@pytest.mark.parametrize("own", ["", "signal.signal(signal.NUMBER, lambda *_: print('own'))"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_does_what_it_did_once_the_run_has_ended(
    space: Space, number: signal.Signals, own: str
) -> None:
    space.workflow("""
        rules:
          all: {input: [a, b]}
          a: {output: a, shell: "touch {output}"}
          b: {output: b, shell: "touch begun; sleep 60; touch {output}"}
        """)
    space.source(
        "go.py",
        f"""
        import signal
        from fileflow import Workflow

        # Whoever starts a program in the background may have it ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        {own.replace("NUMBER", number.name)}
        try:
            print(Workflow.load().run(jobs=2).status)
        except KeyboardInterrupt:
            print("interrupted")
        """,
    )
    program = subprocess.Popen(
        [sys.executable, "go.py"],
        cwd=space.root,
        env=space.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: space.exists("begun") and space.exists("a"), "the jobs")
    program.send_signal(number)
    said, _ = program.communicate(timeout=20)
    status = 128 + number
    if own:
        assert (said, program.returncode) == (f"own\n{status}\n", 0)
    elif number == signal.SIGINT:
        assert (said, program.returncode) == ("interrupted\n", 0)
    else:
        assert (said, program.returncode) == ("", -number)
    assert not space.exists("b") and space.good("a").counts() == (0, 1, 0, 0)


@pytest.mark.parametrize("kind", ["", "async "])
def test_slots_digest_as_their_project_does(space: Space, kind: str) -> None:
    """Also where another algorithm has become available since it began, and slots are spawned."""
    space.write("without/blake3.py", "raise ImportError\n")
    space.write(
        "with/blake3.py",
        "import hashlib\n\n\n"
        "def blake3(data=b''):\n    return hashlib.blake2b(data, digest_size=32)\n",
    )
    space.write("in.txt", "a\n")
    space.write(
        "steps.py",
        f"{kind}def copy(input, output):\n    output.write_text(input.read_text())\n",
    )
    space.workflow("""
        rules:
          two: {input: one.txt, output: two.txt, run: "steps:copy"}
          one: {input: in.txt, output: one.txt, run: "steps:copy"}
        """)
    space.write(
        "go.py",
        "import sys\nfrom fileflow import Workflow\n\n"
        "print(len(Workflow.load().run(mode=sys.argv[1]).built))\n",
    )

    def built(mode: str, folder: str) -> str:
        environment = space.environment()
        environment.pop("PYTHONHASHSEED", None)
        before = environment.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = f"{space.path(folder)}{os.pathsep}{before}"
        return subprocess.run(
            [sys.executable, "go.py", mode],
            cwd=space.root,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()

    assert built("resume", "without") == "2"
    assert built("rerun", "with") == "2"
    for name in ("in.txt", "one.txt", "two.txt"):
        os.utime(space.path(name), (1, 1))  # so that the bytes are read
    assert built("resume", "with") == "0"
