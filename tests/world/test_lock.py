from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fileflow.errors import Exit, FileflowError
from fileflow.world.lock import Lock, describe_holder

HOLD = """
import sys, time
from fileflow.world.lock import Lock
lock = Lock(sys.argv[1])
lock.acquire("fileflow -j 4 all")
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def holder() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(folder: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / ".fileflow")


def refused(folder: str, **options: object) -> FileflowError:
    with pytest.raises(FileflowError) as caught:
        Lock(folder).acquire("second", **options)  # type: ignore[arg-type]
    return caught.value


def test_a_second_run_is_told_who_holds_the_folder(folder: str, holder: Start) -> None:
    process = holder(folder)
    error = refused(folder)
    assert error.status == Exit.LOCKED
    assert error.what.startswith(
        f"another run holds this folder: pid {process.pid} on {socket.gethostname()} since "
    )
    assert error.what.endswith(" (fileflow -j 4 all)")
    assert error.hint is not None
    assert "--wait" in error.hint


def test_a_stopped_holder_is_said_to_be_stopped(folder: str, holder: Start) -> None:
    process = holder(folder)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert refused(folder).what.endswith("(fileflow -j 4 all) (stopped)")


def test_after_kill_9_of_the_holder_the_next_run_just_goes_on(folder: str, holder: Start) -> None:
    process = holder(folder)
    process.kill()
    process.wait()
    assert os.path.exists(os.path.join(folder, "holder"))
    with Lock(folder) as lock:
        lock.acquire("next")
        facts = json.loads(Path(folder, "holder").read_text())
        assert (facts["pid"], facts["command"]) == (os.getpid(), "next")


def test_a_released_lock_is_free_and_names_nobody(folder: str) -> None:
    for _ in range(3):
        with Lock(folder) as lock:
            lock.acquire("one")
            assert lock.fileno() is not None
        assert lock.fileno() is None
        assert os.listdir(folder) == ["lock"]


def test_waiting_ends_when_the_holder_ends(folder: str, holder: Start) -> None:
    process = holder(folder)
    told: list[str] = []

    def end_it(text: str) -> None:
        told.append(text)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    with Lock(folder) as lock:
        lock.acquire("waiter", wait=True, waiting=end_it)
        process.wait()
    assert len(told) == 1
    assert told[0].startswith(f"waiting for another run in this folder: pid {process.pid} on ")


def test_waiting_can_be_interrupted(folder: str, holder: Start) -> None:
    holder(folder)
    asked = iter([False, False, True])
    error = refused(folder, wait=True, interrupted=lambda: next(asked))
    assert error.status == Exit.LOCKED
    assert list(asked) == []


def test_of_many_runs_at_once_one_at_a_time_holds_the_lock(folder: str, tmp_path: Path) -> None:
    program = """
import os, sys, time
from fileflow.world.lock import Lock
with Lock(sys.argv[1]) as lock:
    lock.acquire("x", wait=True)
    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
    time.sleep(0.02)
    os.unlink(sys.argv[2])
"""
    command = [sys.executable, "-c", program, folder, str(tmp_path / "inside")]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(6)]
    assert [run.communicate()[1] for run in runs] == [b""] * 6
    assert [run.returncode for run in runs] == [0] * 6


@pytest.mark.parametrize("child", ["fork", "command"])
def test_a_child_that_outlives_its_parent_does_not_hold_the_lock(folder: str, child: str) -> None:
    program = """
import os, subprocess, sys, time
from fileflow.world.lock import Lock
lock = Lock(sys.argv[1])
lock.acquire("parent")
if sys.argv[2] == "command":
    print(subprocess.Popen(["sleep", "60"], close_fds=False).pid, flush=True)
elif os.fork() == 0:
    lock.release()
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
sys.stdin.readline()
os._exit(0)  # dies with the lock: giving it back would free it of all who have it open
"""
    command = [sys.executable, "-c", program, folder, child]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            assert refused(folder).status == Exit.LOCKED  # the child took nothing from its parent
            parent.stdin.close()
            assert parent.wait() == 0
            with Lock(folder) as other:
                other.acquire("other")
        finally:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_where_files_cannot_be_locked_it_refuses_and_says_so(
    folder: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def failing(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", failing)
    error = refused(folder)
    assert error.status == Exit.LOCKED
    assert error.what == f"files in .fileflow cannot be locked: {os.strerror(number)}"
    assert "holder" not in os.listdir(folder)


def test_a_folder_that_cannot_be_written_is_an_error_of_the_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    error = refused(str(tmp_path / "file" / ".fileflow"))
    assert error.status == Exit.STATE
    assert error.what.startswith("cannot write .fileflow: ")


def test_a_read_only_file_system_is_an_error_of_the_state(tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        error = refused(str(tmp_path / ".fileflow"))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert error.status == Exit.STATE
    assert error.what == "cannot write .fileflow: Read-only file system"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1e400}'])
def test_a_holder_file_without_sense_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "holder").write_text(text)
    assert describe_holder(str(tmp_path)) == ""


def test_a_holder_on_another_host_or_of_another_day_is_described(tmp_path: Path) -> None:
    facts = {"pid": 1, "host": "elsewhere", "since": 1e9, "command": "x\n" * 200}
    (tmp_path / "holder").write_text(json.dumps(facts))
    words = describe_holder(str(tmp_path))
    assert words.startswith(": pid 1 on elsewhere since 2001-09-")
    assert words.endswith("x?x…)")
    assert "\n" not in words
