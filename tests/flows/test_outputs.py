"""What an action must make, what it may leave behind, and what of a failed one is seen: nothing."""

import os
import signal
import socket
from collections.abc import Callable

import pytest

from .space import Space, is_alive, wait_for


def test_standard_input_is_empty(space: Space):
    space.write(
        "steps.py",
        "import sys\n\ndef make(output):\n    output.write_text(repr(sys.stdin.read()))\n",
    )
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            output: a.txt
            shell: cat > {output}
          b:
            output: b.txt
            run: steps:make
        """)
    given = space.write("given", "something\n")
    with given.open("rb") as stdin:
        flow = space.flow(stdin=stdin)
    assert flow.status == 0, flow.text
    assert (space.read("a.txt"), space.read("b.txt")) == ("", "''")


def test_all_outputs_that_are_missing_are_named_and_none_appears(space):
    space.workflow("""
        rules:
          make:
            output: {one: a.txt, two: b.txt, three: c.txt}
            shell: echo x > {output.one}
        """)
    flow = space.flow()
    assert flow.status == 1
    assert "b.txt" in flow.stderr and "c.txt" in flow.stderr
    assert space.files() == ["Workflowfile"]


def test_an_output_written_under_its_final_name_is_said(space):
    space.workflow("""
        rules:
          make:
            output: d/a.txt
            shell: mkdir -p d; echo x > d/a.txt
        """)
    flow = space.flow()
    assert flow.status == 1
    assert "d/a.txt" in flow.stderr


def test_a_failed_job_leaves_its_earlier_outputs_as_they_were(space):
    space.write("in.txt", "good\n")
    space.workflow("""
        rules:
          make:
            input: in.txt
            output: [a.txt, d/]
            shell: |
              cp {input} {output[0]}
              cp {input} {output[1]}/x.txt
              if grep -q bad {input}; then exit 1; fi
        """)
    space.good()
    space.write("in.txt", "bad\n")
    assert space.run().status == 1
    assert (space.read("a.txt"), space.read("d/x.txt")) == ("good\n", "good\n")


def test_files_that_are_not_declared_are_thrown_away(space):
    space.workflow("""
        rules:
          make:
            output: d/a.txt
            shell: echo a > {output}; echo b > {output:dir}/extra.txt
        """)
    flow = space.flow()
    assert flow.status == 0
    assert space.files() == ["Workflowfile", "d/a.txt"]
    assert "make" in flow.stderr
    assert space.flow().status == 0


def test_what_lies_in_an_outputs_place_gives_way(space):
    space.write("precious.txt", "precious\n")
    space.path("a.txt").symlink_to("precious.txt")
    space.write("b.txt/c.txt", "")
    space.workflow("""
        rules:
          make:
            output: [a.txt, b.txt]
            shell: echo a > {output[0]}; echo b > {output[1]}
        """)
    space.good()
    assert (space.read("a.txt"), space.read("b.txt")) == ("a\n", "b\n")
    assert space.read("precious.txt") == "precious\n"
    assert not space.path("a.txt").is_symlink()


def test_an_output_without_a_record_is_built_and_that_is_said(space):
    space.write("a.txt", "by hand\n")
    space.workflow("""
        rules:
          make:
            output: a.txt
            shell: echo made > {output}
        """)
    flow = space.flow()
    assert flow.status == 0
    assert space.read("a.txt") == "made\n"
    assert "make" in flow.text and "replace" in flow.text


def test_an_input_that_changes_while_its_job_runs_makes_it_stale(space):
    space.write("in.txt", "1\n")
    space.workflow("""
        rules:
          make:
            input: in.txt
            output: a.txt
            shell: |
              echo make >> "$RAN_LOG"
              cat {input} > {output}
              touch "$FLAGS/read"
              while [ ! -e "$FLAGS/go" ]; do sleep 0.02; done
        """)
    running = space.start()
    wait_for(lambda: space.flagged("read"), "the job to read its input")
    space.write("in.txt", "2\n")
    space.flag("go")
    flow = running.end()
    assert flow.status == 1
    assert "in.txt" in flow.stderr
    assert space.good().built == {"make"}
    assert space.read("a.txt") == "2\n"
    space.good()
    assert space.ran == []


DEATHS = """\
import ctypes
import os
import sys


def fine(output, n):
    output.write_text(n)


def leaves(output):
    output.write_text("half")
    os._exit(0)


def crashes(output):
    output.write_text("half")
    ctypes.string_at(0)


def exits(output):
    output.write_text("half")
    sys.exit(0)


def interrupts(output):
    output.write_text("half")
    raise KeyboardInterrupt


def strange(output):
    class Strange(Exception):
        def __init__(self, a, b):
            super().__init__(a)

    raise Strange(1, 2)
"""


@pytest.mark.parametrize("death", ["leaves", "crashes", "exits", "interrupts", "strange"])
def test_a_worker_that_dies_costs_only_its_job(space, death):
    space.write("steps.py", DEATHS)
    space.workflow(f"""
        wildcards:
          n: {{range: 8}}
        rules:
          all:
            input: [dead.txt, "out/{{n}}.txt"]
          dead:
            output: dead.txt
            run: steps:{death}
          fine:
            output: out/{{n}}.txt
            run: steps:fine
        """)
    flow = space.run("-k", "-j", "2")
    assert flow.status == 1
    assert flow.counts() == (8, 0, 1, 0)
    assert not space.exists("dead.txt")
    assert flow.jobs("job_finished", status="failed") == {"dead"}
    flow = space.flow("-k")
    assert flow.status == 1
    assert "dead" in flow.stderr
    if death == "crashes":
        assert "SIGSEGV" in flow.stderr
    assert space.run("out/{n}.txt").counts() == (0, 8, 0, 0)


def test_what_a_job_leaves_running_is_ended_and_cannot_touch_the_output(space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            shell: |
              echo x > {output}
              (trap '' HUP; sleep 1; echo late >> {output}; echo late >> a.txt; sleep 60) &
              echo $! > "$FLAGS/pid"
        """)
    assert space.flow().status == 0
    assert space.read("a.txt") == "x\n"
    pid = int((space.flags / "pid").read_text())
    wait_for(lambda: not is_alive(pid), "the end of what was left", 10)
    assert space.read("a.txt") == "x\n"


@pytest.mark.parametrize("private", ["false", "true"])
def test_what_a_shell_does_not_wait_for_and_writes_an_output_is_waited_for(space, private):
    """bash ends before what runs in `>(…)`; killed then, it would leave a part of an output."""
    space.workflow(f"""
        rules:
          make:
            output: {{a: out/a.txt, b: out/b.txt}}
            private: {private}
            shell: |
              wait_for() {{ while [ ! -e "$1" ]; do sleep 0.01; done; }}
              late() {{ wait_for "$FLAGS/go"; tr a-z A-Z; }}
              echo text | tee >(late > {{output.b}}) > {{output.a}}
              wait_for {{output.b}}
              touch "$FLAGS/ended"
        """)
    running = space.start("-v")
    wait_for(lambda: space.flagged("ended"), "the end of the shell")
    space.flag("go")
    flow = running.end()
    assert flow.status == 0, flow.text
    assert (space.read("out/a.txt"), space.read("out/b.txt")) == ("text\n", "TEXT\n")
    assert "left" not in flow.stderr


def test_a_job_whose_output_is_still_written_can_be_interrupted(space):
    space.workflow("""
        rules:
          make:
            output: {a: a.txt, b: b.txt}
            shell: |
              late() { echo $BASHPID > "$FLAGS/pid"; cat; sleep 600; }
              echo text | tee >(late > {output.b}) > {output.a}
              while [ ! -s "$FLAGS/pid" ]; do sleep 0.01; done
              touch "$FLAGS/ended"
        """)
    running = space.start("--progress", "json")
    wait_for(lambda: space.flagged("ended"), "the end of the shell")
    pid = int((space.flags / "pid").read_text())
    running.send(signal.SIGINT)
    assert running.end().status == 130
    assert not space.exists("a.txt")
    assert not is_alive(pid)
    space.replace("Workflowfile", "sleep 600; ", "")
    space.good()
    assert space.read("b.txt") == "text\n"


def test_a_job_that_changes_its_process_does_not_change_the_next(space):
    space.write(
        "steps.py",
        """\
import os
import sys


def pollute(output):
    output.write_text("x")
    os.chdir("/")
    os.environ["POLLUTED"] = "yes"
    sys.path.insert(0, "/nowhere")
    os.close(1)


def look(first, output, n):
    assert first.exists()
    assert "POLLUTED" not in os.environ
    print("here", n)
    output.write_text("x")
""",
    )
    space.workflow("""
        wildcards:
          n: {range: 4}
        rules:
          all:
            input: out/{n}.txt
          look:
            input: {first: first.txt}
            output: out/{n}.txt
            run: steps:look
          pollute:
            output: first.txt
            run: steps:pollute
        """)
    assert space.good("-j", "1").counts() == (5, 0, 0, 0)


@pytest.mark.parametrize("taken", ['"gen/{n}.txt"', "gen/1.txt", "[gen/1.txt, gen/2.txt]"])
@pytest.mark.parametrize("edited", [False, True])
def test_what_lies_in_a_folder_is_new_when_the_folder_is(
    space: Space, taken: str, edited: bool
) -> None:
    """What was seen below it before the run says nothing after it was made anew."""
    space.workflow(f"""
        wildcards:
          n: [1, 2]
        rules:
          all:
            input: last.txt
          last:
            input: out.txt
            output: last.txt
            shell: cp {{input}} {{output}}
          out:
            input: {taken}
            output: out.txt
            shell: cat {{input}} > {{output}}
          tree:
            input: version.txt
            output: gen/
            shell: cat {{input}} "$FLAGS/more" > {{output}}/1.txt; echo same > {{output}}/2.txt
        """)
    space.write("version.txt", "one\n")
    (space.flags / "more").write_text("")
    space.good()
    if edited:  # it is taken to come back as it was, and does not
        (space.flags / "more").write_text("more\n")
        space.write("gen/1.txt", "by hand\n")
    else:
        space.write("version.txt", "two\n")
    assert space.good().built == {"tree", "out", "last"}
    assert space.read("last.txt").startswith("one\nmore\n" if edited else "two\n")
    assert space.good().built == set()


def test_many_who_look_into_a_folder_see_it_as_it_was_made(space: Space) -> None:
    """So many that the next run begins with what the last one knew."""
    space.workflow("""
        wildcards:
          n: {range: 60}
        rules:
          all:
            input: out/{n}.txt
          out:
            input: gen/{n}.txt
            output: out/{n}.txt
            shell: cat {input} > {output}
          tree:
            input: version.txt
            output: gen/
            shell: for n in $(seq 0 59); do echo $n $(cat {input}) > {output}/$n.txt; done
        """)
    space.write("version.txt", "one\n")
    assert space.flow().status == 0
    assert "nothing to do" in space.flow().text
    space.write("version.txt", "two\n")
    assert space.good().summary["built"] == 61
    assert {space.read(f"out/{n}.txt") for n in range(60)} == {f"{n} two\n" for n in range(60)}
    assert space.good().summary["built"] == 0


@pytest.mark.parametrize("count", [3, 40])
@pytest.mark.parametrize("gathers", [False, True])
def test_a_file_that_its_folder_has_no_more_is_missed_in_every_run(
    space: Space, count: int, gathers: bool
):
    """Not taken to be what it was when the folder had it: its maker is done, and did not make it.

    Many jobs are decided at once, by what the last run left: that must say the same.
    """
    space.write("names", " ".join(map(str, range(count))))
    output = "all.txt" if gathers else "o/{n}"
    space.workflow(f"""
        wildcards: {{n: {{range: {count}}}}}
        rules:
          all: {{input: "{output}"}}
          d:
            input: names
            output: d/
            shell: for n in $(cat names); do echo $n > {{output}}/$n; done
          u: {{input: "d/{{n}}", output: "{output}", shell: 'cat {{input}} > {{output}}'}}
        """)
    assert space.run("-q").status == 0
    space.write("names", " ".join(map(str, range(1, count))))
    for _ in range(3):
        flow = space.run("-k")
        assert flow.status == 1, flow.text
        assert flow.jobs("job_finished", status="failed") == {"u" if gathers else "u 0"}
        assert "the input d/0 cannot be found" in flow.text
    space.write("names", " ".join(map(str, range(count))))
    flow = space.run()
    assert flow.status == 0 and flow.built == {"d"}, flow.text
    space.path("d/0").unlink()  # by hand: the folder is overwritten, and comes back as it was
    flow = space.run()
    assert flow.status == 0 and flow.built == {"d"}, flow.text
    assert space.run("-n").planned == set()


def test_a_file_named_by_deps_that_its_folder_has_no_more_is_gone(space: Space):
    space.write("names", "x y")
    space.workflow("""
        rules:
          all: {input: [e, d/]}
          d:
            input: names
            output: d/
            shell: for x in $(cat names); do echo $x > {output}/$x; done
          e:
            input: names
            output: {o: e, p: {path: e.d, deps: true}}
            shell: cat d/y > {output.o} || echo none > {output.o}; echo d/y > {output.p}
        """)
    for names, made in (("x y", "y\n"), ("x", "none\n"), ("x y", "y\n"), ("y", "y\n")):
        space.write("names", names)
        assert space.run("-k").status == 0
        for _ in range(2):
            flow = space.run("-n")
            assert flow.status == 0
            if not flow.planned:
                break
            assert space.run().status == 0  # what it did not wait for has changed since
        assert flow.planned == set(), flow.text
        assert space.read("e") == made


@pytest.mark.parametrize("flags", ["", "in_place: true", "in_place: true, keep: true"])
def test_who_takes_a_file_in_a_folder_rests_if_it_comes_back(space, flags):
    space.workflow(f"""
        rules:
          all: {{input: [a, b, c, list]}}
          tree:
            input: source
            output: {{path: tree/, {flags}}}
            shell: "mkdir -p {{output}}; cp {{input}} {{output}}/v; echo 2 > {{output}}/w"
          a: {{input: tree/v, output: a, shell: "cp {{input}} {{output}}"}}
          b: {{input: tree/, output: b, shell: "cat {{input}}/* > {{output}}"}}
          c: {{input: a, output: c, shell: "cp {{input}} {{output}}"}}
          list: {{input: [tree/v, tree/w], output: list, shell: "cat {{input}} > {{output}}"}}
        """)
    space.write("source", "1\n")
    space.good()
    for change in (
        lambda: space.write("tree/v", "hand\n"),
        lambda: space.delete("tree/v"),
        # What an earlier run left is the maker's to go on with if it is kept.
        lambda: space.write("tree/w" if "keep" in flags else "tree/new", "hand\n"),
    ):
        change()
        dry = space.good("-n")
        assert dry.certain == {"tree"}
        assert space.good().built == {"tree"}
        assert space.good().summary["built"] == 0
        assert space.read("tree/v") == "1\n"
    space.write("tree/v", "hand\n")
    space.write("source", "3\n")
    space.good()
    assert [space.read(name) for name in ("a", "b", "c", "list")] == ["3\n", "3\n2\n"] * 2
    space.write("tree/v", "hand\n")
    space.delete("c")
    assert space.good().built == {"tree", "c"}
    assert space.read("c") == "3\n"


def test_a_link_in_place_of_an_output_is_refused_with_what_to_write_instead(space: Space):
    space.workflow("""
        rules:
          all: {input: [l, d/]}
          file: {output: l, shell: 'ln -s /etc/passwd {output}'}
          folder: {output: d/, shell: 'rmdir {output}; ln -s /etc {output}'}
        """)
    text = space.flow("-k").text
    assert "l should be a regular file and is a link: copy what it leads to (cp, or `ln`" in text
    assert "d should be a directory and is a link: copy what it leads to (cp -r)" in text


def test_a_file_where_an_output_needs_a_folder_is_named(space: Space) -> None:
    space.workflow("""
        rules:
          one: {output: out, shell: "echo 1 > {output}"}
        """)
    assert space.flow().status == 0
    space.replace("Workflowfile", "output: out", "output: out/x")
    flow = space.flow()
    assert flow.status == 1
    assert "out is a file, where out/x needs a folder" in flow.text and "clean out" in flow.text
    assert space.read("out") == "1\n"
    assert space.flow("clean", "out").status == 0
    assert space.flow().status == 0 and space.read("out/x") == "1\n"


@pytest.mark.parametrize(
    "made",
    [
        "output: o/x",
        "output: o/deep/x",
        "output: o/x/",
        "output: {path: o/x, in_place: true}",
        "output: x, log: o/deep/x",
    ],
)
def test_what_is_in_the_place_of_a_folder_is_named_with_a_cure(space: Space, made: str) -> None:
    space.workflow(f"""
        rules:
          one: {{{made}, shell: "if [ -d {{output}} ]; then exit 0; fi; echo > {{output}}"}}
        """)
    space.path("o").symlink_to("nowhere/at/all")
    flow = space.flow()
    assert flow.status == 1
    assert "o is a link to nowhere/at/all, which is not there, where o/" in flow.text
    assert "needs a folder: make that folder, or remove the link" in flow.text
    space.delete("o")
    space.write("o", "mine\n")
    flow = space.flow()
    assert flow.status == 1
    assert "o is a file, where o/" in flow.text and "`fileflow clean o`" in flow.text
    assert space.read("o") == "mine\n"


def test_what_is_no_file_below_a_folder_that_was_made_gives_way(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: out.txt}
          make: {output: made/, shell: "echo 1 > {output}/x"}
          take: {input: made/, output: out.txt, shell: "cat {input}/x > {output}"}
        """)
    assert space.good().built == {"make", "take"}
    stray: dict[str, Callable[[str], object]] = {
        "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(path),
        "a pipe": os.mkfifo,
        "a device without an end": lambda path: os.symlink("/dev/zero", path),
        "a link to nothing": lambda path: os.symlink("nowhere", path),
    }
    for put in stray.values():
        put(str(space.path("made/stray")))
        assert space.flow("status").status == 0
        assert space.good().built == {"make"}
        assert space.files("made") == ["made/x"]
    assert space.good().built == set()
