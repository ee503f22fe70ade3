"""Sources that are other names of what jobs make: links, of which planning knows nothing."""

import os

import pytest

from .space import Flow, Space

A = """\
rules:
  all: {input: [b.txt, o/a.txt]}
  a: {input: src.txt, output: OUTPUT, shell: "cat {input} > {output}"}
  b: {input: INPUT, output: b.txt, shell: "cat INSIDE > {output}"}
"""
# How b names what a makes, how it reads that, and what a makes.
WAYS = {
    "link": ("link.txt", "{input}", "o/a.txt"),
    "folder": ("lnk/a.txt", "{input}", "o/a.txt"),
    "inside": ("d/", "{input}/link.txt", "o/a.txt"),
    "list": ('["{n}.txt", other.txt]', "{input}", "o/a.txt"),
    "hard": ("hard.txt", "{input}", "{path: o/a.txt, in_place: true, keep: true}"),
}


def built(flow: Flow) -> list[str]:
    return [e["rule"] for e in flow.events if e["event"] == "job_finished"]


def made(space: Space, way: str) -> None:
    """A project in which all is fresh."""
    named, inside, output = WAYS[way]
    text = A.replace("INPUT", named).replace("INSIDE", inside).replace("OUTPUT", output)
    if way == "list":
        text = 'wildcards: {n: ["link"]}\n' + text
    space.write("Workflowfile", text)
    space.write("src.txt", "1\n")
    space.write("other.txt", "")
    space.path("d").mkdir()
    os.symlink("../o/a.txt", space.path("d/link.txt"))
    os.symlink("o/a.txt", space.path("link.txt"))
    os.symlink("o", space.path("lnk"))
    assert space.flow("-q", "a").status == 0
    os.link(space.path("o/a.txt"), space.path("hard.txt"))
    assert space.flow("-q").status == 0
    assert space.read("b.txt") == "1\n"


def changed_in_one_run(space: Space, *options: str) -> None:
    """What takes the other name is made anew in the run in which the first name is, and once."""
    for text in ("2\n", "3 and more\n"):
        space.write("src.txt", text)
        flow = space.good(*options)
        assert built(flow) == ["a", "b"]
        assert flow.events[-1]["built"] == 2 and flow.events[-1]["kept"] == 0
        assert space.read("b.txt") == text
        for _ in range(2):
            assert "nothing to do" in space.flow().text


@pytest.mark.parametrize("way", WAYS)
def test_what_takes_another_name_of_an_output_is_made_in_the_same_run(
    space: Space, way: str
) -> None:
    made(space, way)
    changed_in_one_run(space)


@pytest.mark.parametrize("way", WAYS)
def test_the_same_where_files_are_many(large_space: Space, way: str) -> None:
    made(large_space, way)
    changed_in_one_run(large_space, "-k")


def test_a_job_that_runs_while_its_input_is_made_by_another_name_runs_again(space: Space) -> None:
    space.workflow("""
        config: {x: 1, y: 1}
        rules:
          all: {input: [o/a.txt, b.txt, c.txt]}
          a: {output: o/a.txt, shell: "sleep 0.2; echo {config.x} > {output}"}
          b:
            input: link.txt
            output: b.txt
            shell: "sleep 0.5; cat {input} > {output}; echo {config.y} >> {output}"
          c: {input: link.txt, output: c.txt, priority: 1, shell: "cat {input} > {output}"}
        """)
    space.path("o").mkdir()
    os.symlink("o/a.txt", space.path("link.txt"))
    assert space.flow("-q", "a").status == 0
    assert space.flow("-q").status == 0
    flow = space.good("-j2", "--config", "x=2", "--config", "y=2")
    assert built(flow) == ["a", "b", "c"]
    assert (space.read("b.txt"), space.read("c.txt")) == ("2\n2\n", "2\n")
    for _ in range(2):
        assert "nothing to do" in space.flow("--config", "x=2", "--config", "y=2").text


def test_a_job_that_changes_its_own_input_by_another_name_does_not_run_again(space: Space) -> None:
    space.workflow("""
        rules:
          a:
            input: link.txt
            output: {path: o/a.txt, in_place: true, keep: true}
            shell: "echo x >> o/a.txt; echo >> ran"
        """)
    space.write("o/a.txt", "1\n")
    os.symlink("o/a.txt", space.path("link.txt"))
    flow = space.flow()
    assert flow.status == 1 and "the input link.txt changed while the job ran" in flow.stderr
    assert space.read("ran") == "\n"


def test_another_name_of_an_output_that_was_touched(space: Space) -> None:
    made(space, "link")
    os.utime(space.path("o/a.txt"))
    changed_in_one_run(space)


def test_another_name_of_an_output_that_comes_out_the_same(space: Space) -> None:
    made(space, "link")
    os.utime(space.path("src.txt"))
    assert built(space.good("-f", "a")) == ["a"]
    assert space.read("b.txt") == "1\n"
    assert "nothing to do" in space.flow().text


def test_another_name_of_a_folder_that_is_made(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: [b.txt, o/]}
          a: {input: src.txt, output: o/, shell: "mkdir -p {output}; cat {input} > {output}/a.txt"}
          b: {input: lnk/, output: b.txt, shell: "cat {input}/a.txt > {output}"}
        """)
    space.write("src.txt", "1\n")
    os.symlink("o", space.path("lnk"))
    assert space.flow("-q", "a").status == 0
    assert space.flow("-q").status == 0
    changed_in_one_run(space)


# How b names what lies in a folder that a makes, how it reads that, and what leads where.
INSIDE = {
    "folder": ("lnk/f", "{input}", {"lnk": "o"}),
    "file": ("lnk", "{input}", {"lnk": "o/f"}),
    "above": ("lnk/o/f", "{input}", {"lnk": "."}),
    "below": ("lnk/g", "{input}", {"lnk": "o/sub"}),
    "chain": ("lnk", "{input}", {"lnk": "second/f", "second": "third", "third": "o"}),
    "absolute": ("lnk/f", "{input}", {"lnk": "HERE/o"}),
    "list": ('["{n}/f", other.txt]', "{input[0]}", {"link": "o"}),
    "whole": ("lnk/", "{input}/o/f", {"lnk": "up", "up/o": "../o"}),
    "inside": ("d/", "{input}/e/g", {"d/e": "../o/sub"}),
}


@pytest.mark.parametrize(
    ("size", "way"),
    [*(("space", way) for way in INSIDE), ("large_space", "folder"), ("large_space", "file")],
)
def test_another_name_of_what_lies_in_a_folder_that_is_made(
    request: pytest.FixtureRequest, size: str, way: str
) -> None:
    space: Space = request.getfixturevalue(size)
    named, inside, links = INSIDE[way]
    text = """
        wildcards: {n: [link]}
        rules:
          all: {input: [b.txt, o/]}
          a: {input: src.txt, output: o/, shell: "SHELL"}
          b: {input: INPUT, output: b.txt, shell: "cat INSIDE > {output}"}
        """
    action = "mkdir -p {output}/sub; tee {output}/f {output}/sub/g < {input} > /dev/null"
    text = text.replace("SHELL", action).replace("INPUT", named).replace("INSIDE", inside)
    space.workflow(text)
    space.write("src.txt", "1\n")
    space.write("other.txt", "")
    for path, target in links.items():
        space.path(path).parent.mkdir(exist_ok=True)
        os.symlink(target.replace("HERE", str(space.path("o").parent)), space.path(path))
    assert space.flow("-q", "a").status == 0
    assert space.flow("-q").status == 0
    changed_in_one_run(space)


def test_what_leads_elsewhere_is_not_made_again(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: [b.txt, o/]}
          a: {input: src.txt, output: o/, shell: "mkdir -p {output}; cat {input} > {output}/f"}
          b: {input: [lnk/f, link.txt], output: b.txt, shell: "cat {input} > {output}"}
        """)
    space.write("src.txt", "1\n")
    space.write("other/f", "other\n")
    os.symlink("other", space.path("lnk"))
    os.symlink("other/f", space.path("link.txt"))
    assert space.flow("-q").status == 0
    space.write("src.txt", "2\n")
    assert built(space.good()) == ["a"]


def test_names_in_folders_that_are_not_there_before_the_run(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: [b.txt, c.txt, o/]}
          b:
            input: {path: lnk/f, optional: true}
            output: b.txt
            priority: 2
            shell: "cat {input} /dev/null > {output}"
          c:
            input: {path: lnk/, optional: true}
            output: c.txt
            priority: 1
            shell: "touch {output}; [ ! -e ./{input}/f ] || echo f > {output}"
          a: {output: o/, shell: "mkdir -p {output}; echo 1 > {output}/f"}
        """)
    os.symlink("o", space.path("lnk"))
    flow = space.good("-j1")
    assert built(flow)[:3] == ["b", "c", "a"] and sorted(built(flow)[3:]) == ["b", "c"]
    assert (space.read("b.txt"), space.read("c.txt")) == ("1\n", "f\n")
    for _ in range(2):
        assert "nothing to do" in space.flow().text


def test_other_names_of_scattered_files(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: ["o/{n}", b.txt]}
          a: {input: src.txt, output: "o/{n}", scatter: n, shell: "cat {input} > {output}/x"}
          b: {input: link.txt, output: b.txt, shell: "cat {input} > {output}"}
        """)
    space.write("src.txt", "1\n")
    os.symlink("o/x", space.path("link.txt"))
    assert space.flow("-q", "a").status == 0
    assert space.flow("-q").status == 0
    changed_in_one_run(space)


def test_links_that_lead_to_nothing_before_the_run(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: [b.txt, c.txt, a.txt]}
          b: {input: d/, output: b.txt, priority: 2, shell: "cat {input}/* > {output} || true"}
          c:
            input: {path: link.txt, optional: true}
            output: c.txt
            priority: 1
            shell: "cat {input} /dev/null > {output}"
          a: {output: a.txt, shell: "echo 1 > {output}"}
        """)
    space.path("d").mkdir()
    os.symlink("../a.txt", space.path("d/link.txt"))
    os.symlink("a.txt", space.path("link.txt"))
    assert built(space.good("-j1")) == ["b", "c", "a", "b", "c"]
    assert (space.read("b.txt"), space.read("c.txt")) == ("1\n", "1\n")
    for _ in range(2):
        assert "nothing to do" in space.flow().text


CHAIN = """\
rules:
  all: {input: [c.txt, b.txt, o/a.txt]}
  c: {input: second.txt, output: c.txt, shell: "cat {input} > {output}"}
  b: {input: first.txt, output: b.txt, shell: "cat {input} > {output}"}
  a: {input: src.txt, output: o/a.txt, shell: "cat {input} > {output}; [ ! -e bad ]"}
  z: {input: src.txt, output: z.txt, shell: "cat {input} > {output}; [ ! -e bad ]"}
"""


def chained(space: Space) -> None:
    space.write("Workflowfile", CHAIN)
    space.write("src.txt", "1\n")
    os.symlink("o/a.txt", space.path("first.txt"))
    os.symlink("b.txt", space.path("second.txt"))
    for rule in "ab":
        assert space.flow("-q", f"{rule}").status == 0
    assert space.flow("-q").status == 0


def test_a_chain_over_two_links(space: Space) -> None:
    chained(space)
    space.write("src.txt", "2\n")
    assert built(space.good()) == ["a", "b", "c"]
    assert space.read("c.txt") == "2\n"
    for _ in range(2):
        assert "nothing to do" in space.flow().text


def test_what_failed_beside_it_is_not_tried_again(space: Space) -> None:
    chained(space)
    space.replace("Workflowfile", "all: {input: [", "all: {input: [z.txt, ")
    space.replace(
        "Workflowfile",
        'a.txt, shell: "cat {input} > {output}; [ ! -e bad ]"',
        'a.txt, shell: "cat {input} > {output}"',
    )
    assert space.flow("-q").status == 0
    space.write("src.txt", "2\n")
    space.write("bad", "")
    flow = space.run("-k")
    assert flow.status == 1
    assert sorted(built(flow)) == ["a", "b", "c", "z"]
    end = flow.events[-1]
    assert (end["built"], end["failed"], end["kept"], end["skipped"]) == (3, 1, 0, 0)
    assert space.read("c.txt") == "2\n"
    space.delete("bad")
    assert built(space.good()) == ["z"]
    assert "nothing to do" in space.flow().text


def test_a_job_that_makes_its_own_input_by_another_name_is_told_of(space: Space) -> None:
    space.workflow("""
        rules:
          a: {input: link.txt, output: o/a.txt, shell: "cat {input} > {output}; echo x >> {output}"}
        """)
    space.write("o/a.txt", "1\n")
    os.symlink("o/a.txt", space.path("link.txt"))
    flow = space.flow("--progress", "plain")
    assert flow.status == 1
    assert flow.stderr.splitlines()[-2] == (
        "warning: link.txt is another name of o/a.txt (write that name, so that who takes it waits "
        "for it), and changes each time a job has taken it"
    )
    assert space.read("o/a.txt") == "1\nx\nx\n"


def test_another_name_of_an_output_from_which_values_come_is_told_of(space: Space) -> None:
    space.workflow("""
        wildcards: {n: {lines: link.txt}}
        rules:
          all: {input: ["b/{n}.txt", o/a.txt]}
          a: {input: src.txt, output: o/a.txt, shell: "cat {input} > {output}"}
          b: {output: "b/{n}.txt", shell: "touch {output}"}
        """)
    space.write("src.txt", "1\n")
    space.write("o/a.txt", "1\n")
    os.symlink("o/a.txt", space.path("link.txt"))
    assert space.flow("-q").status == 0  # it came out the same
    space.write("src.txt", "2\n")
    flow = space.flow()
    assert flow.status == 1 and not space.exists("b/2.txt")
    assert (
        "warning: link.txt is another name of o/a.txt (write that name, so that who takes it waits "
        "for it), which changed after it was read to plan this run\n"
    ) in flow.stderr
    assert space.flow("-q").status == 0
    assert space.exists("b/2.txt")
