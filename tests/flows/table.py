"""The workflow of the table of changes, in three kinds of action, and what is expected of it.

Two files are put into capitals, then gathered. The texts are such that a change of case in a
source is undone by the first step: early cut-off.
"""

from collections.abc import Iterable

from .space import Space

KINDS = ["shell", "argv", "run"]
HEAD = """\
# a workflow
seed: 1
config:
  used: 1
  unused: 1
wildcards:
  name: in/{name}.txt
rules:
  all:
    input: out/total.txt
  upper:
    doc: Put one file into capitals.
    input: in/{name}.txt
    output: build/{name}.txt
    params:
      first: "{config.used}"
      more: {x: 1, y: 2}
"""
TOTAL = """\
  total:
    input: build/{name}.txt
    output: out/total.txt
"""
ACTIONS = {
    "shell": (
        """\
    shell: |
      echo upper {name} >> "$RAN_LOG"
      # put it into capitals
      if grep -q bad {input}; then exit 7; fi
      tr a-z A-Z < {input} > {output}
      echo {params.first} >> {output}
""",
        """\
    shell: |
      echo total >> "$RAN_LOG"
      cat {input} > {output}
""",
    ),
    "argv": (
        """\
    argv:
      - bash
      - -euc
      - 'echo upper "$1" >> "$RAN_LOG"; if grep -q bad "$2"; then exit 7; fi;
         tr a-z A-Z < "$2" > "$3"; echo "$4" >> "$3"'
      - sh
      - "{name}"
      - "{input}"
      - "{output}"
      - "{params.first}"
""",
        """\
    argv:
      - bash
      - -euc
      - 'echo total >> "$RAN_LOG"; to="$1"; shift; cat "$@" > "$to"'
      - sh
      - "{output}"
      - "{input}"
""",
    ),
    "run": ("    run: upper_step:upper\n", "    run: total_step:total\n"),
}
MODULES = {
    "upper_step.py": '''\
"""The first step."""
import os

import helper


def upper(input, output, name, first, more):
    """Put one file into capitals."""
    # it says so first
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(f"upper {name}\\n")
    text = input.read_text()
    if "bad" in text:
        raise ValueError("bad text")
    output.write_text(helper.capitals(text) + f"{first}\\n")


def not_used():
    return 1
''',
    "helper.py": """\
def capitals(text):
    return text.upper()
""",
    "total_step.py": """\
import os


def total(input, output):
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write("total\\n")
    output.write_text("".join(path.read_text() for path in input))
""",
}

UPPERS = {"upper a", "upper b"}
EVERY = {*UPPERS, "total"}


def expect(
    space: Space,
    *args: str,
    ran: Iterable[str] = (),
    spared: Iterable[str] = (),
    certain: Iterable[str] | None = None,
    found: Iterable[str] = (),
    deferred: Iterable[str] = (),
    failed: Iterable[str] = (),
    held_back: Iterable[str] = (),
    again: str = "",
    plain: bool = False,
) -> None:
    """`-n` foretells the jobs and changes no byte; they run, and then nothing is left to do.

    `spared` are jobs that were announced and then not needed, as what they need came out the
    same; `certain` are those that `-n` announces without that reservation (if not said, what ran).
    `found` are those that no one could know before the run, `deferred` the rules of which `-n`
    says so. With jobs that `failed`, and others that these held back, nothing is settled: `-n` says
    the same again. `again` is an option for the call that finds nothing left to do. A `plain` run
    is one without JSON lines, which may be answered by what the last one found.
    """
    ran, spared, found, failed = set(ran), set(spared), set(found), set(failed)
    held_back = set(held_back)
    certain = (ran - found) | failed if certain is None else set(certain)
    planned = (ran - found) | spared | failed | held_back
    before = space.snapshot()
    dry = space.good("-n", *args)
    assert space.ran == []
    assert space.snapshot() == before
    assert dry.planned == planned
    assert dry.certain == certain
    assert dry.deferred == set(deferred)
    assert (dry.summary["would_build"], dry.summary["certain"]) == (len(planned), len(certain))
    flow = space.flow(*args) if plain else space.run(*args)
    assert flow.status == (1 if failed else 0), flow.text
    assert space.ran == sorted(ran | failed)
    if not plain:
        assert flow.built == ran
        assert flow.jobs("job_finished", status="failed") == failed
        assert (flow.summary["built"], flow.summary["failed"]) == (len(ran), len(failed))
        assert flow.summary["skipped"] >= len(held_back)
        assert flow.summary["skipped"] == len(held_back) or (failed and deferred)
    if again == "-n" and not ran | failed:
        return  # it has said so already
    again = "-n" if failed else again
    after = space.good(*filter(None, [again]), *args)
    assert space.ran == []
    assert (after.summary["built"], after.planned) == (0, planned if failed else set())


def build_project(space: Space, kind: str) -> None:
    """Write the workflow and build it once."""
    first, second = ACTIONS[kind]
    space.write("Workflowfile", HEAD + first + TOTAL + second)
    if kind == "run":
        for name, text in MODULES.items():
            space.write(name, text)
    space.write("in/a.txt", "a one\n")
    space.write("in/b.txt", "b one\n")
    expect(space, ran=EVERY)
    assert space.read("out/total.txt") == "A ONE\n1\nB ONE\n1\n"
