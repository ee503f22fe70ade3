"""A folder to try workflows in: write files, run the command line, read back what ran.

Nothing here imports the engine. Which jobs ran is known twice: from the JSON lines of
`--progress json`, and from a file outside the folder into which the actions write themselves.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .warm import Warm

SOURCE = Path(__file__).resolve().parents[2]
PATIENCE = 60.0

Event = dict[str, Any]


def job_name(event: Event) -> str:
    """A job as the actions write it: the rule, then the values of its wildcards."""
    return " ".join([event["rule"], *(str(value) for value in event["wildcards"].values())])


@dataclass(frozen=True)
class Flow:
    """What one call of the command line gave."""

    status: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr

    @property
    def events(self) -> list[Event]:
        found = []
        for line in self.stderr.splitlines():
            if line.startswith("{"):
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and "event" in event:
                    found.append(event)
        return found

    @property
    def summary(self) -> Event:
        """The last event, which tells how the run ended."""
        assert self.events, f"no JSON lines on stderr:\n{self.text}"
        last = self.events[-1]
        assert last["event"] == "run_finished", last
        return last

    def counts(self) -> tuple[int, int, int, int]:
        """How many jobs were built, kept, failed and skipped."""
        last = self.summary
        return last["built"], last["kept"], last["failed"], last["skipped"]

    def jobs(self, kind: str, **facts: object) -> set[str]:
        """The jobs in events of one kind that agree with the facts."""
        return {
            job_name(event)
            for event in self.events
            if event["event"] == kind and all(event[key] == facts[key] for key in facts)
        }

    @property
    def built(self) -> set[str]:
        return self.jobs("job_finished", status="built")

    @property
    def planned(self) -> set[str]:
        return self.jobs("job_planned")

    @property
    def deferred(self) -> set[str]:
        """The rules of which a dry run says that something cannot be known yet."""
        return {event["rule"] for event in self.events if event["event"] == "rule_deferred"}

    @property
    def certain(self) -> set[str]:
        return self.jobs("job_planned", certain=True)


class Running:
    """A command line that was started and goes on by itself."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self._out = out
        self._err = err

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = PATIENCE) -> Flow:
        """Wait for it, and kill it if that takes too long."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        return Flow(
            status,
            self._out.read_text("utf-8", errors="replace"),
            self._err.read_text("utf-8", errors="replace"),
        )


class Space:
    """A workflow's folder and, outside of it, a log of what ran and a place for flags.

    With a warm command line, `flow` and what is made of it take a tenth of the time.
    """

    def __init__(self, base: Path, warm: Warm | None = None) -> None:
        self._warm = warm
        # Words before the command line, such as `prlimit --nofile=32`; not with a warm one.
        self.within: tuple[str, ...] = ()
        self.root = base / "project"
        self.outside = base / "outside"
        self.flags = self.outside / "flags"
        self._log = self.outside / "ran"
        # Folders of installed distributions.
        self.sites: list[Path] = []
        self._running: list[Running] = []
        self._calls = 0
        self.root.mkdir()
        self.flags.mkdir(parents=True)

    # -- files ------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        return self.root / name

    def exists(self, name: str) -> bool:
        return os.path.lexists(self.root / name)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def source(self, name: str, text: str) -> Path:
        """Write a text that is indented as the test around it is."""
        return self.write(name, textwrap.dedent(text).lstrip("\n"))

    def workflow(self, text: str) -> Path:
        return self.source("Workflowfile", text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text("utf-8")

    def lines(self, name: str) -> list[str]:
        return self.read(name).splitlines()

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a part of a file that is certainly there."""
        text = self.read(name)
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new))

    def edit_same_size(self, name: str, text: str) -> None:
        """Change the content in place and leave size and time of change as they were."""
        path = self.root / name
        before = path.stat()
        data = text.encode()
        assert len(data) == before.st_size
        path.chmod(before.st_mode | stat.S_IWUSR)
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = path.stat()
        assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)

    def delete(self, name: str) -> None:
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def move(self, name: str) -> None:
        """Move the whole folder to another place beside it."""
        there = self.root.parent / name
        shutil.move(self.root, there)
        self.root = there

    def files(self, folder: str = ".") -> list[str]:
        """All files below a folder, the state's left out."""
        top = self.root / folder
        found = (path.relative_to(self.root) for path in top.rglob("*") if not path.is_dir())
        return sorted(str(path) for path in found if path.parts[0] != ".fileflow")

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Every file, link and folder below the root, with its kind, rights and bytes."""
        found: dict[str, tuple[int, bytes]] = {}
        for path in self.root.rglob("*"):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                content = os.readlink(path).encode()
            elif stat.S_ISREG(mode):
                content = path.read_bytes()
            else:
                content = b""
            found[str(path.relative_to(self.root))] = (mode, content)
        return found

    # -- flags, and what ran ----------------------------------------------------------------

    def flag(self, name: str) -> None:
        (self.flags / name).touch()

    def flagged(self, name: str) -> bool:
        return (self.flags / name).exists()

    @property
    def log(self) -> list[str]:
        """What the actions wrote since the last call, in the order of writing."""
        return self._log.read_text("utf-8").splitlines() if self._log.exists() else []

    @property
    def ran(self) -> list[str]:
        """The jobs that ran since the last call, sorted; one that ran twice is there twice."""
        return sorted(self.log)

    def forget(self) -> None:
        self._log.unlink(missing_ok=True)

    # -- the command line -------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FILEFLOW_", "PYTHON", "PYTEST"))
        }
        environment["PYTHONPATH"] = os.pathsep.join(map(str, [SOURCE, *self.sites]))
        environment["RAN_LOG"] = str(self._log)
        environment["FLAGS"] = str(self.flags)
        return environment

    def install(self, points: list[str], **modules: str) -> None:
        """Installs a distribution of these modules, with these entry points for executors."""
        site = self.outside / "site"
        facts = site / "plug_ins-1.0.dist-info"
        facts.mkdir(parents=True)
        for name, text in modules.items():
            (site / f"{name}.py").write_text(text)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-ins\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("\n".join(["[fileflow.executors]", *points, ""]))
        self.sites.append(site)

    def start(
        self,
        *args: str,
        cwd: str = ".",
        stdin: int | BinaryIO = subprocess.DEVNULL,
        env: dict[str, str] | None = None,
    ) -> Running:
        """Start the command line; what ran before stays in the log."""
        self._calls += 1
        out = self.outside / f"{self._calls}.out"
        err = self.outside / f"{self._calls}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*self.within, sys.executable, "-m", "fileflow", *args],
                cwd=self.root / cwd,
                env={**self.environment(), **(env or {})},
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        running = Running(process, out, err)
        self._running.append(running)
        return running

    def flow(
        self,
        *args: str,
        cwd: str = ".",
        stdin: int | BinaryIO = subprocess.DEVNULL,
        env: dict[str, str] | None = None,
    ) -> Flow:
        """Run the command line to its end."""
        self.forget()
        if self._warm is not None and stdin == subprocess.DEVNULL:
            return self._flow_warm(self._warm, args, cwd, {**self.environment(), **(env or {})})
        return self.start(*args, cwd=cwd, stdin=stdin, env=env).end()

    def _flow_warm(self, warm: Warm, args: Sequence[str], cwd: str, env: dict[str, str]) -> Flow:
        out, err = self.outside / "warm.out", self.outside / "warm.err"
        status = warm.call(
            args,
            cwd=str(self.root / cwd),
            env=env,
            out=str(out),
            err=str(err),
            seconds=PATIENCE,
        )
        return Flow(
            status,
            out.read_text("utf-8", errors="replace"),
            err.read_text("utf-8", errors="replace"),
        )

    def run(self, *args: str, cwd: str = ".", env: dict[str, str] | None = None) -> Flow:
        """Run with JSON lines on stderr."""
        return self.flow(*args, "--progress", "json", cwd=cwd, env=env)

    def good(self, *args: str, cwd: str = ".") -> Flow:
        """Run with JSON lines; it must end well."""
        flow = self.run(*args, cwd=cwd)
        assert flow.status == 0, flow.text
        return flow

    def close(self) -> None:
        """End what a failed test left behind."""
        for running in self._running:
            if running.process.poll() is None:
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process is there and is more than a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return not Path("/proc").is_dir()
    return text.rpartition(")")[2].split()[0] not in "ZX"
