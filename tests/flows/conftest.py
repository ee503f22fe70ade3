"""The fixtures that the flow tests share."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .space import SOURCE, Space
from .table import KINDS, build_project
from .warm import Warm

# The rights of who may not do as he likes with the files of others.
PLAIN = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner")


@pytest.fixture(scope="session", autouse=True)
def _heard() -> None:
    """A run ignores SIGHUP where whoever started it does, as under `nohup`: here it is heard."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    """An empty folder in which workflows are written and run."""
    made = Space(tmp_path)
    yield made
    made.close()


@pytest.fixture
def refused(space: Space) -> Space:
    """A space in which the command line is held to the rights of files, as few tests' users are."""
    if os.geteuid() == 0:
        if not shutil.which(PLAIN[0]) or subprocess.run([*PLAIN, "true"], check=False).returncode:
            pytest.skip("root, who may read all")
        space.within = PLAIN
    return space


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A command line that need not start."""
    made = Warm(SOURCE)
    yield made
    made.close()


@pytest.fixture
def quick_space(tmp_path: Path, warm: Warm) -> Iterator[Space]:
    """A space in which hundreds of command lines are run."""
    made = Space(tmp_path, warm)
    yield made
    made.close()


@pytest.fixture(scope="session")
def warm_as_large() -> Iterator[Warm]:
    """One to which each project is a large one."""
    made = Warm(SOURCE, as_large=True)
    yield made
    made.close()


@pytest.fixture
def large_space(tmp_path: Path, warm_as_large: Warm) -> Iterator[Space]:
    """A quick space in which small projects go the ways of large ones."""
    made = Space(tmp_path, warm_as_large)
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of action: each test that asks for it runs once with each."""
    name: str = request.param
    return name


@pytest.fixture
def project(quick_space: Space, kind: str) -> Space:
    """The workflow of the table of changes, built once."""
    build_project(quick_space, kind)
    return quick_space
