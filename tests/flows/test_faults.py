"""A full disk, or a state that somebody removes: one line, status 3, and the next run goes on."""

import os
import re
import shutil
import stat
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from .space import Space, wait_for

WORKFLOW = """
    wildcards: {{n: {{range: 4}}}}
    rules:
      all: {{input: "o/{{n}}.txt"}}
      f: {{output: "o/{{n}}.txt", {action}}}
    """
ACTIONS = {
    "shell": 'shell: "echo {n} > {output}"',
    "process": 'run: "steps:f"',
    "thread": 'run: "steps:f", executor: thread',
    "serial": 'run: "steps:f", executor: serial',
    "async": 'run: "steps:g"',
}
STEPS = """
    def f(output, n):
        output.write_text(n)

    async def g(output, n):
        output.write_text(n)
    """


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def resize(place: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)


def prepared(space: Space, action: str) -> None:
    space.workflow(WORKFLOW.format(action=ACTIONS[action]))
    space.source("steps.py", STEPS)


def goes_on(space: Space) -> None:
    space.good()
    assert [space.read(f"o/{n}.txt").strip() for n in range(4)] == list("0123")
    assert space.good().counts() == (0, 4, 0, 0)


def nothing_of_ours(text: str) -> None:
    """No traceback through our own code; a function's own that finds no room is its own."""
    assert "a bug of fileflow" not in text
    assert not re.search(r"/fileflow/(engine|executors|world)/", text), text


def told_in_a_line(status: int, text: str) -> None:
    """A fault is told as one; that there was no room for a job is told as that job's failure."""
    assert status in (0, 1, 3), text
    nothing_of_ours(text)
    if status == 3:
        assert len(re.findall("^fileflow: ", text, re.MULTILINE)) == 1, text
        assert "No space left on device" in text.splitlines()[-2]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "option", [f"size={4096 * n}" for n in (4, 5, 6)] + [f"nr_inodes={n}" for n in range(6, 31, 6)]
)
def test_a_run_on_a_disk_that_is_nearly_full(
    space: Space, small: Path, action: str, option: str
) -> None:
    space.root = small
    prepared(space, action)
    resize(small, option)
    flow = space.start("-j", "2").end(30)
    resize(small, "size=10m,nr_inodes=10000")
    told_in_a_line(flow.status, flow.text)
    goes_on(space)


HELD = {
    "shell": 'shell: "touch $FLAGS/begun; while [ ! -e $FLAGS/go ]; do sleep 0.01; done; '
    'echo {n} > {output}"',
    "process": 'run: "held:f"',
    "thread": 'run: "held:f", executor: thread',
    "serial": 'run: "held:f", executor: serial',
    "async": 'run: "held:g"',
}
WAITS = """
    import os, time
    from pathlib import Path
    flags = Path(os.environ["FLAGS"])

    def f(output, n):
        (flags / "begun").touch()
        while not (flags / "go").exists():
            time.sleep(0.01)
        output.write_text(n)

    async def g(output, n):
        f(output, n)
    """


@pytest.mark.parametrize("part", ["", "logs", "stage", "journal", "lock"])
@pytest.mark.parametrize("action", HELD)
def test_parts_of_the_state_that_are_removed_while_a_run_goes_on(space: Space, action, part):
    space.workflow(WORKFLOW.format(action=HELD[action]))
    space.source("held.py", WAITS)
    running = space.start("-j", "1")
    wait_for(lambda: space.flagged("begun"), "the first job")
    path = space.path(".fileflow") / part
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    space.flag("go")
    flow = running.end(30)
    nothing_of_ours(flow.text)
    if part in ("", "journal"):
        assert flow.status == 3
        assert "removed" in flow.stderr
    assert flow.status in (0, 1, 3)
    if action == "thread":
        assert "its process ended" not in flow.text
    goes_on(space)


@pytest.mark.parametrize("action", ["shell", "process", "async"])
def test_a_run_whose_lock_is_deleted_and_whose_slot_another_run_ends(space: Space, action):
    space.workflow(WORKFLOW.format(action=HELD[action]))
    space.source("held.py", WAITS)
    first = space.start("-j", "2")
    wait_for(lambda: space.flagged("begun"), "the first job")
    space.path(".fileflow/lock").unlink()
    space.flag("go")
    second = space.start("-j", "2")
    for run in (second, first):
        flow = run.end(30)
        nothing_of_ours(flow.text)
        assert flow.status in (0, 1, 3)
    goes_on(space)


NO_MORE = """
    import errno, os, threading

    left = {{{what!r}: 3}}
    start, fork = threading.Thread.start, os.fork

    def takes(name):
        for what in left:
            if name.startswith(what):
                left[what] -= 1
                return left[what] < 0
        return False

    def refused_start(self):
        if takes(self.name):
            raise RuntimeError("can't start new thread")
        start(self)

    def refused_fork():
        if takes("fork"):
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    threading.Thread.start, os.fork = refused_start, refused_fork
    """


@pytest.mark.parametrize(
    ("action", "what", "said"),
    [
        ("shell", "fork", "Resource temporarily unavailable"),
        ("shell", "ExecutorManagerThread", "can't start new thread"),
        ("process", "QueueFeederThread", "can't start new thread"),
        ("thread", "fileflow-slot", "can't start new thread"),
    ],
)
def test_no_more_processes_or_threads(space: Space, action, what, said):
    space.workflow(WORKFLOW.format(action=ACTIONS[action]).replace('"echo', '"sleep 1; echo'))
    space.source(
        "steps.py", STEPS.replace("output.w", "__import__('time').sleep(1)\n        output.w")
    )
    (space.outside / "sitecustomize.py").write_text(textwrap.dedent(NO_MORE.format(what=what)))
    path = f"{space.outside}{os.pathsep}{space.environment()['PYTHONPATH']}"
    flow = space.flow("-j", "4", "-q", env={"PYTHONPATH": path})
    assert flow.status == 3
    assert flow.stderr == (
        f"fileflow: no more processes or threads can be started ({said})\n"
        "fewer jobs at once, -j, or a higher limit\n"
    )
    goes_on(space)


@pytest.mark.parametrize("action", ["shell", "process", "thread"])
def test_shared_memory_that_is_not_there(space, action):
    prepared(space, action)
    hidden = "mount -t tmpfs -o ro none /dev/shm"
    if subprocess.run(["unshare", "-m", "sh", "-c", hidden], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    space.within = ("unshare", "-m", "sh", "-c", f'{hidden} && exec "$@"', "sh")
    flow = space.flow("-j", "2")
    space.within = ()
    assert flow.status == 3
    assert "no process can be started for jobs: shared memory (on Linux /dev/shm)" in flow.text
    assert "Read-only file system" in flow.text
    nothing_of_ours(flow.text)
    goes_on(space)


def limited(words: str) -> tuple[str, ...]:
    """Words that run a command within limits, as bash has them."""
    return ("bash", "-c", f'ulimit {words} && exec "$@"', "-")


@pytest.mark.parametrize("action", ["shell", "process"])
def test_the_engine_takes_more_open_files_than_the_user_has_and_its_jobs_do_not(space, action):
    source = "import resource, time\n\n\ndef f(output, n):\n    time.sleep(0.5)\n"
    source += "    output.write_text(str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))\n"
    space.write("steps.py", source)
    space.workflow(
        WORKFLOW.format(action=ACTIONS[action])
        .replace("range: 4", "range: 12")
        .replace("echo {n}", "sleep 0.5; ulimit -n")
    )
    space.within = limited("-S -n 64")
    space.good("-j", "12")
    assert {space.read(f"o/{n}.txt").strip() for n in range(12)} == {"64"}


@pytest.mark.parametrize("action", ["shell", "process", "thread"])
def test_too_many_open_files(space, action):
    space.workflow(WORKFLOW.format(action=ACTIONS[action]).replace("range: 4", "range: 40"))
    space.write("steps.py", "import time\n\n\ndef f(output, n):\n    time.sleep(1)\n")
    space.within = limited("-n 40")
    flow = space.flow("-j", "16", "-q")
    assert flow.status == 3
    assert flow.stderr == (
        "fileflow: too many files are open at once: the limit is 40 (`ulimit -n`)\n"
        "fewer jobs at once, -j, or a higher limit\n"
    )


def test_a_limit_on_the_size_of_files(space):
    prepared(space, "shell")
    space.within = ("prlimit", "--fsize=200")
    flow = space.flow("-j", "4", "-q")
    assert flow.status == 3
    assert flow.stderr == (
        "fileflow: a file in .fileflow: File too large\n"
        "the size of files is limited: `ulimit -f` shows to how much\n"
    )
    space.within = ()
    goes_on(space)


FOLDERS = ("stage", "logs")
FILES = ("fresh", "journal", "journal.new", "lock", "holder", "holder.new", "slots.lock")


def put_in_place(path: Path, kind: str) -> None:
    """Puts something else in the place of a part of the state."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
        (path / "x").touch()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "file":
        path.touch()
    else:
        path.symlink_to(path.name if kind == "ring" else "nowhere")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, kind) for name in FILES for kind in ("folder", "fifo", "ring")),
        *((name, kind) for name in FOLDERS for kind in ("file", "link")),
    ],
)
def test_a_part_of_the_state_that_is_of_another_kind_counts_as_nothing(quick_space, name, kind):
    space = quick_space
    prepared(space, "shell")
    space.good()
    part = space.path(f".fileflow/{name}")
    put_in_place(part, kind)
    for command in ("status", "list", "check", "log", "why", "-n"):
        target = ["o/1.txt"] if command in ("log", "why") else []
        flow = space.flow(command, *target)
        lost = command == "log" and name == "journal"
        assert flow.status == (2 if lost else 0), flow.text
    for _ in range(2):
        space.good("-B")
        put_in_place(part, kind)
    space.good("-B")
    goes_on(space)
    assert (
        (name, kind) == ("lock", "fifo") or not part.exists() or part.is_dir() == (name in FOLDERS)
    )
    if name == "journal":
        assert space.exists(".fileflow/journal.bad-2")


NOT_OURS = """\
fileflow: cannot write .fileflow/{part}: Permission denied
who runs this project needs the right to read and write all of .fileflow
"""


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("mode", [0, 0o555])
@pytest.mark.parametrize("part", FOLDERS)
def test_a_folder_of_the_state_that_cannot_be_written_is_told(refused, part, mode, action):
    prepared(refused, action)
    refused.good("-j", "1", "o/0.txt")
    folder = refused.path(f".fileflow/{part}")
    folder.chmod(mode)
    flow = refused.flow("-q")
    assert (flow.status, flow.stderr) == (3, NOT_OURS.format(part=part))
    folder.chmod(0o755)
    goes_on(refused)


@pytest.mark.parametrize("command", ["adopt", "clean"])
def test_commands_tell_what_of_the_state_cannot_be_written(refused, command):
    prepared(refused, "shell")
    refused.good()
    if command == "adopt":
        refused.write("o/1.txt", "1\n1\n")
    refused.path(".fileflow/stage").chmod(0)
    flow = refused.flow(command, "o/1.txt")
    assert (flow.status, flow.stderr) == (3, NOT_OURS.format(part="stage"))


@pytest.mark.parametrize("action", ["shell", "process", "async"])
def test_a_lock_of_slots_that_cannot_be_opened_is_told(refused, action):
    prepared(refused, action)
    refused.good("o/0.txt")
    refused.path(".fileflow/slots.lock").chmod(0)
    flow = refused.flow("-q")
    assert (flow.status, flow.stderr) == (3, NOT_OURS.format(part="slots.lock"))


def test_the_state_is_for_whom_the_umask_says(space):
    prepared(space, "shell")
    space.within = ("bash", "-c", 'umask 002; exec "$@"', "-")
    space.good()
    state = [path for path in space.path(".fileflow").rglob("*") if path.exists()]
    assert {"slots.lock", "journal", "lock", "stage", "logs"} <= {path.name for path in state}
    assert [path.name for path in state if not path.stat().st_mode & stat.S_IWGRP] == []
