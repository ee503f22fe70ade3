"""Outputs on another file system than the state: they are made beside their places."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .space import Space

SHM = Path("/dev/shm")

WORKFLOW = """
    wildcards: {{k: {{range: 4}}}}
    rules:
      all: {{input: "o/{{k}}.txt"}}
      make: {{output: "o/{{k}}.txt", run: "steps:make", executor: {executor}}}
    """


@pytest.fixture
def parted(space: Space) -> Iterator[Space]:
    """A space whose state lies on another file system."""
    if not SHM.is_dir() or os.stat(SHM).st_dev == os.stat(space.root).st_dev:
        pytest.skip("one file system")
    state = tempfile.mkdtemp(prefix="fileflow-test-", dir=SHM)
    space.path(".fileflow").symlink_to(state)
    yield space
    space.close()
    shutil.rmtree(state)


def hidden(space: Space) -> list[str]:
    return sorted(str(path) for path in space.root.rglob("*") if path.name.startswith(".fileflow-"))


@pytest.mark.parametrize("executor", ["process", "thread", "serial", "async"])
def test_a_run_leaves_nothing_beside_its_outputs(parted: Space, executor):
    parted.workflow(WORKFLOW.format(executor=executor))
    kind = "async def" if executor == "async" else "def"
    parted.write("steps.py", f"{kind} make(output, k):\n    output.write_text(k)\n")
    parted.good("-j", "2")
    assert sorted(os.listdir(parted.path("o"))) == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert hidden(parted) == []
    parted.replace("steps.py", "text(k)", "text(k) / 0")
    assert parted.run("-j", "2", "-k").status == 1
    assert hidden(parted) == []


def test_a_job_that_killed_its_process_is_tried_again(parted: Space):
    parted.workflow(
        """
        rules:
          make: {output: o/x.txt, run: "steps:make", retries: 1}
        """
    )
    parted.write(
        "steps.py",
        "import os, signal\nfrom pathlib import Path\n"
        "def make(output):\n"
        "    output.write_text('x')\n"
        "    if not (flag := Path(os.environ['FLAGS'], 'tried')).exists():\n"
        "        flag.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    parted.good()
    assert parted.read("o/x.txt") == "x"
    assert hidden(parted) == []
