"""Notebooks: run with the facts of a job, the executed copy kept as a log."""

import json
import os
from pathlib import Path

import pytest

from .space import Space

WORKFLOW = """
    rules:
      make:
        input: a.txt
        output: "{x}.txt"
        params: {n: 2}
        script: notebooks/n.ipynb
    """


def write_notebook(space: Space, *cells: str) -> None:
    book = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell{k}",
                "metadata": {},
                "outputs": [],
                "source": cell.splitlines(keepends=True),
            }
            for k, cell in enumerate(cells)
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    space.write("notebooks/n.ipynb", json.dumps(book))


def kept_copies(space: Space) -> list[Path]:
    return sorted(space.path(".fileflow/logs").rglob("*.ipynb"))


@pytest.fixture
def notebooks() -> None:
    for name in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(name)


def test_a_notebook_runs_with_the_facts_of_its_job(space: Space, notebooks: None):
    space.write("a.txt", "x")
    space.write("notebooks/near.py", "y = 3\n")
    write_notebook(
        space,
        "import random\nfrom fileflow import job\nimport near\nprint('hello from', job.rule)",
        "job.output[0].write_text(job.input[0].read_text() * job.params.n * near.y)\n"
        "job.wildcards.x",
        "assert random.random() == job.rng.random()",
    )
    space.workflow(WORKFLOW)
    assert space.good("q.txt").built == {"make q"}
    assert space.read("q.txt") == "x" * 6
    (copy,) = kept_copies(space)
    assert "hello from make" in copy.read_text() and "'q'" in copy.read_text()
    assert "hello from make" in space.flow("log", "q.txt").stdout
    assert space.good("q.txt").built == set()


def test_notebooks_beside_each_other_talk_to_their_own_kernels(space: Space, notebooks: None):
    space.workflow("""
        rules:
          all: {input: "{n}.txt"}
          make: {output: "{n}.txt", script: notebooks/n.ipynb}
        wildcards: {n: {range: 4}}
        """)
    write_notebook(
        space,
        "import os, time\nfrom fileflow import job\ntime.sleep(0.5)",
        "job.output[0].write_text('\\n'.join(os.listdir('.')))\nassert job.wildcards.n != '3'",
    )
    flow = space.run("-j", "2", "-k", env={"TMPDIR": str(space.outside)})
    assert flow.status == 1
    assert flow.built == {"make 0", "make 1", "make 2"}
    seen = {name for n in range(3) for name in space.lines(f"{n}.txt")}
    assert seen <= {".fileflow", "Workflowfile", "notebooks", *(f"{n}.txt" for n in range(3))}
    assert not list(space.outside.glob("nb*"))


def test_a_long_temporary_folder_is_not_too_long_for_sockets(space: Space, notebooks: None):
    space.write("a.txt", "x")
    write_notebook(space, "from fileflow import job\njob.output[0].write_text('1')")
    space.workflow(WORKFLOW)
    folder = space.outside / ("long" * 25)
    folder.mkdir()
    flow = space.run("q.txt", env={"TMPDIR": str(folder)})
    assert flow.built == {"make q"}, flow.text
    assert not list(folder.iterdir())


def test_a_single_path_of_the_job_may_be_opened(space: Space, notebooks: None):
    space.workflow(WORKFLOW)
    space.write("a.txt", "one")
    write_notebook(
        space,
        "from fileflow import job\n"
        "with open(job.input) as source, open(job.output, 'w') as target:\n"
        "    target.write(source.read())\n",
    )
    assert space.good("b.txt").built == {"make b"}
    assert space.read("b.txt") == "one"


def test_a_cell_that_fails_fails_the_job_and_the_copy_is_kept(space: Space, notebooks: None):
    space.write("a.txt", "x")
    write_notebook(space, "print('before')", "1 / 0", "print('never')")
    space.workflow(WORKFLOW)
    flow = space.flow("q.txt")
    assert flow.status == 1
    assert "ZeroDivisionError" in flow.stderr and "\x1b" not in flow.stderr
    (copy,) = kept_copies(space)
    assert "before" in copy.read_text() and "ZeroDivisionError" in copy.read_text()


def test_a_log_that_is_a_notebook_is_the_executed_copy(space: Space, notebooks: None):
    write_notebook(space, "from fileflow import job\njob.output[0].write_text('')\nprint('done')")
    space.workflow("""
        rules:
          make:
            output: "{x}.txt"
            log: logs/{x}.ipynb
            script: notebooks/n.ipynb
        """)
    space.good("q.txt")
    assert "done" in space.read("logs/q.ipynb")


def test_results_in_a_notebook_are_no_reason_to_build_but_code_is(space: Space, notebooks: None):
    space.write("a.txt", "x")
    code = "from fileflow import job\n%time job.output[0].write_text('1')\n"
    write_notebook(space, code)
    space.workflow(WORKFLOW)
    space.good("q.txt")
    book = json.loads(space.read("notebooks/n.ipynb"))
    book["cells"][0]["execution_count"] = 7
    space.write("notebooks/n.ipynb", json.dumps(book))
    assert space.good("q.txt").built == set()
    write_notebook(space, code.replace("'1'", "'2'"))
    assert space.good("-n", "q.txt").planned == {"make q"}
    assert space.good("q.txt").built == {"make q"}
    write_notebook(space, "# another remark\n" + code.replace("'1'", "'2'"))
    assert space.good("q.txt").built == {"make q"}
    book = json.loads(space.read("notebooks/n.ipynb"))
    book["cells"].insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# T"})
    space.write("notebooks/n.ipynb", json.dumps(book))
    assert space.good("q.txt").built == {"make q"}  # the executed copy shows it


def test_without_nbclient_the_error_names_the_extra(space: Space):
    space.write("a.txt", "x")
    write_notebook(space, "")
    space.workflow(WORKFLOW)
    blocker = space.outside / "block"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: "
        "None if name == 'nbclient' else find(name, package)\n"
    )
    path = os.pathsep.join([str(blocker), space.environment()["PYTHONPATH"]])
    flow = space.flow("q.txt", env={"PYTHONPATH": path})
    assert flow.status == 2
    assert "fileflow[notebook]" in flow.stderr and "nbclient" in flow.stderr


def test_a_secret_is_not_in_the_executed_copy(space: Space, notebooks: None):
    space.workflow("""
        rules:
          make: {output: a.txt, envvars: [TOKEN], script: notebooks/n.ipynb}
        """)
    write_notebook(space, "import os\nprint(os.environ['TOKEN'])\n1/0")
    assert space.flow(env={"TOKEN": 'quo"tedsecret'}).status == 1
    (copy,) = kept_copies(space)
    assert "tedsecret" not in copy.read_text() and "os.environ" in copy.read_text()
