"""The scratch folder: where workloads lie, and where old outputs are moved aside.

Thousands of files are never deleted between two runs: on some file systems creating files is
several times slower for minutes afterwards. They are moved into a trash folder on the same file
system, which goes with the whole scratch folder at the very end.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

from benchmarks.workload import BenchError

MEMORY = Path("/dev/shm")


def roots(folder: Path | None) -> list[Path]:
    """Where to look for room, the best place first."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return [folder.resolve()]
    memory = [MEMORY] if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else []
    return [*memory, Path(tempfile.gettempdir())]


def free_megabytes(folder: Path) -> float:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize / 1e6


def free_files(folder: Path) -> float:
    found = os.statvfs(folder)
    return found.f_favail if found.f_files else float("inf")  # some file systems have no limit


class Scratch:
    """One folder on each file system used, made when first needed."""

    def __init__(self, folder: Path | None) -> None:
        self.roots = roots(folder)
        self.made: dict[Path, Path] = {}
        self.numbers = itertools.count()

    def place(self, name: str, files: int = 0, megabytes: float = 0.0) -> Path:
        """A folder for one workload, on the first file system that has room for it."""
        for root in self.roots:
            # A file takes a page and an inode of memory.
            needed = megabytes + files * 0.006
            if files * 1.2 < free_files(root) and needed < free_megabytes(root) * 0.8:
                folder = self.home(root) / name
                folder.mkdir(exist_ok=True)
                return folder
        raise BenchError(f"no room for {files:,} files and {megabytes:,.0f} MB")

    def home(self, root: Path) -> Path:
        if root not in self.made:
            self.made[root] = Path(tempfile.mkdtemp(prefix="fileflow-bench-", dir=root))
        return self.made[root]

    def aside(self, path: Path) -> None:
        """Moves what is there out of the way, whatever its size, in no time."""
        if not path.exists() and not path.is_symlink():
            return
        home = next(home for home in self.made.values() if path.is_relative_to(home))
        trash = home / ".trash"
        trash.mkdir(exist_ok=True)
        path.rename(trash / str(next(self.numbers)))

    def refresh(self, folder: Path, keep: Collection[str]) -> None:
        """Moves aside all in `folder` that runs have left there."""
        for entry in list(folder.iterdir()):
            if entry.name not in keep:
                self.aside(entry)

    def close(self) -> None:
        for home in self.made.values():
            shutil.rmtree(home, ignore_errors=True)


def call(argv: list[str], folder: Path) -> str:
    """Runs a command that is not measured; its output, or a BenchError with the end of it."""
    done = subprocess.run(
        argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(last_words(done.stderr + done.stdout) or f"exit {done.returncode}")
    return done.stdout


def last_words(text: str) -> str:
    """What a reader of one table cell needs of an error: the line that names it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if "error" in line.lower()]
    return (named or lines or [""])[-1][:200]
