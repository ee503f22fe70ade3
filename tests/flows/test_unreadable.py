"""What cannot be looked at is told; it is never taken for what is not there."""

import hashlib

import pytest

from .space import Flow, Space

SITES = """
    wildcards: {"site, day": "data/{site}/{day}.csv"}
    rules:
      all: {input: [sum, "mapped/{site}/{day}"]}
      sum: {input: "data/{site}/{day}.csv", output: sum, shell: "cat {input} > {output}"}
      map:
        input: data/{site}/{day}.csv
        output: mapped/{site}/{day}
        shell: cat {input} > {output}
    """


def build_sites(space: Space) -> None:
    space.write("data/a/1.csv", "a1\n")
    space.write("data/b/1.csv", "b1\n")
    space.workflow(SITES)
    space.good()


@pytest.mark.parametrize("leads_to", ["nothing", "x", "n" * 300])
def test_a_link_that_leads_nowhere_hides_none_of_the_files_beside_it(space, leads_to):
    build_sites(space)
    space.path("data/b/x").symlink_to(leads_to)
    space.path("data/x").symlink_to(leads_to)
    assert space.good().built == set()
    assert "nothing to remove" in space.flow("clean", "-n", "--orphans").stdout


def test_a_folder_that_cannot_be_read_is_told_and_nothing_is_built_or_removed(refused):
    build_sites(refused)
    refused.path("data/b").chmod(0)
    before = refused.files("mapped"), refused.read("sum")
    for command in ([], ["-n"], ["status"], ["check"], ["clean", "--orphans"], ["clean", "--all"]):
        flow = refused.flow(*command)
        assert (flow.status, flow.stdout) == (2, "")
        assert flow.stderr == "fileflow: data/b cannot be read: Permission denied\n"
    assert (refused.files("mapped"), refused.read("sum")) == before
    refused.path("data/b").chmod(0o755)
    assert refused.good().built == set()


def test_a_link_into_a_folder_that_cannot_be_read_is_told_where_it_would_count(refused):
    build_sites(refused)
    hidden = refused.outside / "hidden"
    (hidden / "inner").mkdir(parents=True)
    hidden.chmod(0)
    refused.path("beside").symlink_to(hidden / "inner")
    refused.path("data/b/readme").symlink_to(hidden / "inner")
    assert refused.good().built == set()
    refused.path("data/c").symlink_to(hidden / "inner")
    flow = refused.flow()
    hidden.chmod(0o755)
    assert (flow.status, flow.stderr) == (
        2,
        "fileflow: data/c cannot be read: Permission denied\n",
    )


def test_an_input_in_a_folder_that_cannot_be_read_is_neither_missing_nor_absent(refused):
    refused.write("private/x", "x\n")
    refused.workflow("""
        rules:
          all: {input: [optional, plain, word]}
          optional:
            input: [{path: private/x, optional: true}]
            output: optional
            shell: echo [{input}] > {output}
          plain: {input: private/x, output: plain, shell: "cp {input} {output}"}
          word: {output: word, shell: "cat private/x > {output} || true"}
        """)
    refused.good()
    refused.path("private").chmod(0)
    for command in ([], ["-k"], ["optional"], ["plain"], ["word"], ["-n"], ["status"]):
        flow = refused.flow(*command)
        assert flow.status == 2
        assert flow.stderr == "fileflow: private/x cannot be read: Permission denied\n"
    refused.path("private").chmod(0o755)
    assert refused.read("optional") == "[private/x]\n"
    assert refused.good().built == set()


def test_a_folder_below_an_input_folder_that_cannot_be_read_is_told(refused):
    refused.write("tree/a/x", "x\n")
    refused.write("tree/b/y", "y\n")
    refused.workflow("""
        rules:
          list: {input: tree/, output: list, shell: "ls {input} > {output}"}
        """)
    refused.good()
    refused.path("tree/b").chmod(0)
    flow = refused.flow()
    refused.path("tree/b").chmod(0o755)
    assert flow.status == 2
    assert flow.stderr == "fileflow: tree/b cannot be read: Permission denied\n"
    assert refused.good().built == set()


def test_adopt_names_a_folder_of_chunks_that_cannot_be_read(refused):
    refused.write("chunks/a/1", "1\n")
    refused.workflow("""
        rules:
          all: {input: "chunks/a/{n}"}
          split: {output: "chunks/a/{n}", scatter: n, shell: "touch {output}/1"}
        """)
    refused.path("chunks/a").chmod(0o300)  # what lies there can be looked at, and not listed
    flow = refused.flow("adopt", "split")
    refused.path("chunks/a").chmod(0o755)
    assert flow.status == 2
    assert flow.stderr == "fileflow: chunks/a cannot be read: Permission denied\n"


def test_outputs_that_cannot_be_looked_at_are_not_forgotten(refused):
    refused.workflow("""
        rules:
          make: {output: out/x, shell: "echo > {output}"}
        """)
    refused.good()
    refused.path("out").chmod(0)
    for command in (["clean", "--all"], ["clean", "make"], []):
        flow = refused.flow(*command)
        assert flow.status == 2
        assert flow.stderr == "fileflow: out/x cannot be read: Permission denied\n"
    refused.path("out").chmod(0o755)
    assert refused.good().built == set()


ONE_EACH = """
    rules:
      all: {input: [a.end, b.txt]}
      a: {input: s1, output: a.txt, shell: "cp {input} {output}"}
      end: {input: [a.txt], output: a.end, shell: "cp {input} {output}"}
      b: {input: s2, output: b.txt, shell: "cp {input} {output}"}
    """


def failed(flow: Flow) -> set[str]:
    return flow.jobs("job_finished", status="failed")


def test_who_takes_a_source_that_cannot_be_read_fails_as_in_a_first_run_and_no_other(refused):
    refused.write("s1", "1\n")
    refused.write("s2", "2\n")
    refused.workflow(ONE_EACH)
    for first in (True, False):
        refused.path("s1").chmod(0)
        refused.write("s2", "2\n" if first else "other\n")
        flow = refused.run("-k")
        assert (flow.status, flow.built, failed(flow)) == (1, {"b"}, {"a"})
        assert "Workflowfile:3:3: the input s1 cannot be read: Permission denied" in flow.stderr
        assert "failed" in refused.good("status", "a.txt").stdout
        if not first:
            assert "s1 cannot be read\n" in refused.good("why", "a.txt").stdout
        refused.path("s1").chmod(0o644)
        assert refused.good().built == ({"a", "end"} if first else set())


@pytest.mark.parametrize("count", [3, 40])
def test_a_list_of_which_one_file_cannot_be_read_fails_who_takes_it(refused, count):
    for n in range(count):
        refused.write(f"in/{n}", f"{n}\n")
    refused.workflow("""
        wildcards: {n: "in/{n}"}
        rules:
          all: {input: [sum, "each/{n}"]}
          sum: {input: "in/{n}", output: sum, shell: "cat {input} > {output}"}
          each: {input: "in/{n}", output: "each/{n}", shell: "cp {input} {output}"}
        """)
    refused.good()
    refused.path("in/1").chmod(0)
    refused.write("in/2", "other\n")
    flow = refused.run("-k")
    assert (flow.status, flow.built, failed(flow)) == (1, {"each 2"}, {"sum", "each 1"})
    assert flow.stderr.count("the input in/1 cannot be read: Permission denied") == 2
    refused.path("in/1").chmod(0o644)
    assert refused.good().built == {"sum"}


@pytest.mark.parametrize("other", ["1\n", "other\n"])
def test_an_output_that_cannot_be_read_is_replaced(refused, other):
    refused.write("s1", "1\n")
    refused.write("s2", "2\n")
    refused.workflow(ONE_EACH)
    refused.good()
    refused.path("a.txt").chmod(0)
    refused.write("s1", other)
    assert "a.txt cannot be read\n" in refused.good("why", "a.txt").stdout
    assert refused.good().built == ({"a"} if other == "1\n" else {"a", "end"})
    assert refused.read("a.txt") == refused.read("a.end") == other
    assert refused.good().built == set()


def test_adopt_leaves_what_cannot_be_read_and_why_tells_of_it(refused):
    refused.write("s1", "1\n")
    refused.write("s2", "2\n")
    text = """
        rules:
          all: {input: [a.txt, b.txt, c.txt]}
          a: {input: s1, output: a.txt, shell: "cp {input} {output}"}
          b: {input: s2, output: b.txt, shell: "cp {input} {output}"}
          c:
            output: {path: c.txt, ensure: {sha256: SHA}}
            shell: printf "" > {output}
        """
    refused.workflow(text.replace("SHA", hashlib.sha256(b"").hexdigest()))
    refused.good()
    refused.write("s2", "other\n")
    refused.path("s1").chmod(0)
    refused.path("c.txt").chmod(0)
    assert refused.flow("adopt").stdout.splitlines() == [
        "a: left: a.txt: its input s1 cannot be read: Permission denied",
        "b: 1 job recorded as fresh",
        "c: left: c.txt cannot be read: Permission denied",
    ]
    assert "c.txt cannot be read" in refused.good("why", "c.txt").stdout
    assert "s1 cannot be read" in refused.good("why", "a.txt").stdout
