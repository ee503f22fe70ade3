"""Values that a scatter finds while running: which jobs run after each change, through the CLI."""

import json
import signal

import pytest

from .space import Flow, Space, wait_for

HEAD = """\
rules:
  all:
    input: build/total.txt
"""
SPLITS = {
    "shell": """\
  split:
    input: data/big.txt
    output: build/chunks/{chunk}.txt
    scatter: chunk
    shell: |
      echo split >> "$RAN_LOG"
      while read -r name text; do echo "$text" > {output}/"$name".txt; done < {input}
""",
    "run": """\
  split:
    input: data/big.txt
    output: build/chunks/{chunk}.txt
    scatter: chunk
    run: steps:split
""",
    "folder": """\
  split:
    input: data/big.txt
    output: build/chunks/{chunk}.txt
    scatter: chunk
    run: steps:split_folder
""",
}
REST = """\
  proc:
    input: build/chunks/{chunk}.txt
    output: build/proc/{chunk}.txt
    shell: |
      echo proc {chunk} >> "$RAN_LOG"
      tr a-z A-Z < {input} > {output}
  total:
    input: build/proc/{chunk}.txt
    output: build/total.txt
    shell: |
      echo total >> "$RAN_LOG"
      cat {input} > {output}
"""
OTHER = SPLITS["shell"].replace("chunk", "part").replace("split", "other")
STEPS = """\
import os


def say(word):
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(word + "\\n")


def split(input):
    say("split")
    for line in input.read_text().splitlines():
        name, _, text = line.partition(" ")
        yield name, text + "\\n"


def split_folder(input, output):
    say("split")
    for line in input.read_text().splitlines():
        name, _, text = line.partition(" ")
        (output / f"{name}.txt").write_text(text + "\\n")
"""


def build(space: Space, kind: str = "shell", data: str = "10 ten\n2 two\n1 one\n") -> None:
    space.write("Workflowfile", HEAD + SPLITS[kind] + REST)
    space.write("steps.py", STEPS)
    space.write("data/big.txt", data)


def ran(space: Space, *jobs: str, args: tuple[str, ...] = ()) -> None:
    """Exactly these jobs run, and then nothing is left to do."""
    flow = space.good(*args)
    assert space.ran == sorted(jobs), flow.text
    assert flow.summary["built"] == len(jobs)
    assert (flow.summary["failed"], flow.summary["skipped"]) == (0, 0)
    again = space.good(*args)
    assert space.ran == []
    assert again.summary["built"] == 0


@pytest.mark.parametrize("way", SPLITS)
def test_what_a_scatter_finds_is_mapped_and_gathered_in_natural_order(
    space: Space, way: str
) -> None:
    build(space, way)
    before = space.snapshot()
    dry = space.good("-n")
    assert space.snapshot() == before
    assert dry.planned == {"split"}
    deferred = {e["rule"]: e["after"] for e in dry.events if e["event"] == "rule_deferred"}
    deferred |= {rule: ["split"] for rule in ("proc", "total") if f'"rule": "{rule}"' in dry.stdout}
    assert deferred == {"proc": ["split"], "total": ["split"]}
    ran(space, "split", "proc 1", "proc 2", "proc 10", "total")
    assert space.read("build/total.txt") == "ONE\nTWO\nTEN\n"


def test_one_chunk_that_changed_is_processed_alone(space: Space) -> None:
    build(space)
    ran(space, "split", "proc 1", "proc 2", "proc 10", "total")
    space.write("data/big.txt", "10 ten\n2 zwei\n1 one\n")
    ran(space, "split", "proc 2", "total")
    space.write("data/big.txt", "2 zwei\n10 ten\n1 one\n")
    ran(space, "split")


def notes(flow: Flow) -> list[str]:
    return [event["text"] for event in flow.events if event["event"] == "note"]


def test_new_chunks_are_added_and_lost_ones_disappear(space: Space) -> None:
    build(space)
    space.good()
    space.write("data/big.txt", "1 one\n2 two\n3 three\n")
    flow = space.good()
    assert space.ran == ["proc 3", "split", "total"]
    assert notes(flow) == [
        "not found any more, and removed: build/chunks/10.txt",
        "build/proc/10.txt is of what is not found any more "
        "(`fileflow clean --orphans` removes it)",
    ]
    assert space.read("build/total.txt") == "ONE\nTWO\nTHREE\n"
    assert not space.exists("build/chunks/10.txt") and space.exists("build/proc/10.txt")
    dry = space.flow("clean", "--orphans", "-n")
    assert "build/chunks/10.txt" not in dry.stdout and "build/proc/10.txt" in dry.stdout
    space.write("build/proc/10.txt", "mine\n")
    cleaned = space.flow("clean", "--orphans")
    assert cleaned.status == 0, cleaned.text
    assert "build/proc/10.txt stays" in cleaned.stdout
    assert space.exists("build/chunks/1.txt") and space.exists("build/proc/3.txt")
    ran(space)
    space.write("data/big.txt", "1 one\n10 ten\n2 two\n3 three\n")
    ran(space, "split", "proc 10", "total")


def test_a_lost_chunk_that_was_changed_by_hand_stays_and_is_named(space: Space) -> None:
    build(space)
    space.good()
    space.write("build/chunks/10.txt", "mine\n")
    space.write("data/big.txt", "1 one\n2 two\n")
    assert notes(space.good()) == [
        "build/chunks/10.txt, build/proc/10.txt are of what is not found any more "
        "(`fileflow clean --orphans` removes them)",
    ]
    assert space.read("build/chunks/10.txt") == "mine\n"
    cleaned = space.flow("clean", "--orphans")
    assert "build/chunks/10.txt stays: it was changed since it was made" in cleaned.stdout
    assert not space.exists("build/proc/10.txt")
    ran(space)


def test_lost_chunks_that_are_protected_stay_and_are_named_with_the_way_to_remove_them(
    space: Space,
) -> None:
    build(space)
    chunks = "build/chunks/{chunk}.txt"
    space.replace(
        "Workflowfile", f"output: {chunks}", f"output: {{path: {chunks!r}, protected: true}}"
    )
    space.good()
    space.write("data/big.txt", "1 one\n2 two\n")
    assert notes(space.good("-f", "split", "all")) == [
        "build/chunks/10.txt, build/proc/10.txt are of what is not found any more "
        "(`fileflow clean --orphans --force` removes them)",
    ]
    again = space.good("-j", "2", "--until", "split")
    assert "(`fileflow clean --orphans --force` removes what no rule makes)" in notes(again)[0]
    cleaned = space.flow("clean", "--orphans", "--force")
    assert "removed 1 output: build/chunks/10.txt" in cleaned.stdout
    ran(space)


@pytest.mark.parametrize("late", ["split", "ten"])
def test_a_lost_chunk_that_another_rule_makes_now_stays(space: Space, late: str) -> None:
    build(space)
    space.good()
    space.write("data/big.txt", "1 one\n2 two\n")
    head = HEAD.replace("build/total.txt", "[build/total.txt, build/chunks/10.txt]")
    ten = """\
  ten:
    output: build/chunks/10.txt
    shell: |
      echo ten >> "$RAN_LOG"
      echo 10 > {output}
"""
    text = head + SPLITS["shell"] + REST + ten
    space.write("Workflowfile", text.replace(f"echo {late}", f"sleep 0.4; echo {late}"))
    ran(space, "split", "ten", "total")
    assert space.read("build/chunks/10.txt") == "10\n"


def test_chunks_that_are_gone_or_overwritten(space: Space) -> None:
    build(space)
    space.good()
    space.delete("build/chunks/2.txt")
    ran(space)
    space.write("build/chunks/1.txt", "mine\n")
    ran(space, "split")
    space.delete("build/chunks/1.txt")
    space.delete("build/proc/1.txt")
    dry = space.good("-n")
    assert dry.planned == set()
    ran(space)
    space.delete("build/total.txt")
    ran(space, "split", "proc 1", "total")


def test_a_kill_in_between_loses_no_finished_chunk(space: Space) -> None:
    build(space)
    space.replace(
        "Workflowfile",
        "tr a-z A-Z < {input}",
        'if [ {chunk} = 10 ] && [ ! -e "$FLAGS/go" ]; then touch "$FLAGS/here"; sleep 30; fi\n'
        "      tr a-z A-Z < {input}",
    )
    running = space.start("-j", "1")
    wait_for(lambda: space.flagged("here"), "the last chunk")
    running.send(signal.SIGKILL)
    running.end()
    space.flag("go")
    ran(space, "proc 10", "total")


def test_after_a_kill_the_next_run_removes_lost_chunks(space: Space) -> None:
    build(space)
    space.good()
    space.write("Other", HEAD.replace("total.txt", "parts/{part}.txt") + OTHER)
    space.write("data/big.txt", "1 eins\n2 zwei\n")
    space.replace(
        "Workflowfile",
        "tr a-z A-Z < {input}",
        'if [ ! -e "$FLAGS/go" ]; then touch "$FLAGS/here"; sleep 30; fi; tr a-z A-Z < {input}',
    )
    running = space.start("-j", "1")
    wait_for(lambda: space.flagged("here"), "a chunk")
    running.send(signal.SIGKILL)
    running.end()
    assert space.exists("build/chunks/10.txt")
    space.flag("go")
    assert notes(space.good("-W", "Other")) == []
    assert space.exists("build/chunks/10.txt")
    flow = space.good()
    assert space.ran == ["proc 1", "proc 2", "total"]
    assert notes(flow) == [
        "not found any more, and removed: build/chunks/10.txt",
        "build/proc/10.txt is of what is not found any more "
        "(`fileflow clean --orphans` removes it)",
    ]
    assert not space.exists("build/chunks/10.txt") and space.exists("build/proc/10.txt")
    assert space.exists("build/chunks/1.txt")
    ran(space)


def test_of_lost_chunks_only_that_is_named_which_the_same_workflowfile_made(space: Space) -> None:
    space.write("names", "1 2\n")
    space.write(
        "a.yaml",
        """\
rules:
  all: {input: "up/{c}.txt"}
  split:
    input: names
    output: "ch/{c}.txt"
    scatter: c
    shell: for n in $(cat {input}); do echo $n > {output}/$n.txt; done
  up: {input: "ch/{c}.txt", output: "up/{c}.txt", shell: "cp {input} {output}"}
""",
    )
    space.write(
        "b.yaml",
        """\
wildcards: {c: "ch/{c}.txt"}
rules:
  all: {input: "len/{c}.txt"}
  len: {input: "ch/{c}.txt", output: "len/{c}.txt", shell: "wc -c < {input} > {output}"}
""",
    )
    space.good("-W", "a.yaml")
    space.good("-W", "b.yaml")
    space.write("names", "1\n")
    assert notes(space.good("-W", "a.yaml")) == [
        "not found any more, and removed: ch/2.txt",
        "up/2.txt is of what is not found any more "
        "(`fileflow -W a.yaml clean --orphans` removes it)",
    ]
    assert (
        "up: removed 1 output: up/2.txt" in space.flow("-W", "a.yaml", "clean", "--orphans").stdout
    )
    again = notes(space.good("-W", "b.yaml"))
    assert "`fileflow -W b.yaml clean --orphans` removes what no rule makes" in again[0]
    assert space.flow("-W", "b.yaml", "clean", "--orphans").status == 0
    assert not space.exists("len/2.txt")


def test_a_failed_chunk_and_a_failed_scatter(space: Space) -> None:
    build(space)
    space.replace("Workflowfile", "tr a-z", "if [ {chunk} = 2 ]; then exit 3; fi; tr a-z")
    flow = space.run("-k")
    assert flow.status == 1
    assert flow.counts() == (3, 0, 1, 1)
    space.replace("Workflowfile", "if [ {chunk} = 2 ]; then exit 3; fi; ", "")
    flow = space.good()
    assert {"proc 2", "total"} <= set(space.ran)
    space.write("data/big.txt", "a b c\n")
    space.replace("Workflowfile", "done < {input}", "done < {input}; exit 4")
    flow = space.run()
    assert flow.status == 1
    assert flow.summary["failed"] == 1 and flow.summary["built"] == 0
    assert flow.summary["skipped"] == 1


def test_each_value_of_other_wildcards_has_its_own_chunks(space: Space) -> None:
    space.workflow(
        """
        wildcards:
          sample: [b, a]
        rules:
          all:
            input: build/all.txt
          split:
            input: data/{sample}.txt
            output: build/{sample}/{chunk}.txt
            scatter: chunk
            shell: |
              echo split {sample} >> "$RAN_LOG"
              for word in $(cat {input}); do echo $word > {output}/$word.txt; done
          proc:
            input: build/{sample}/{chunk}.txt
            output: build/{sample}.proc/{chunk}.txt
            shell: echo proc {sample} {chunk} >> "$RAN_LOG"; cp {input} {output}
          one:
            input: build/{sample}.proc/{chunk}.txt
            output: build/{sample}.txt
            shell: echo one {sample} >> "$RAN_LOG"; cat {input} > {output}
          all_of:
            input: build/{sample}.txt
            output: build/all.txt
            shell: echo all_of >> "$RAN_LOG"; cat {input} > {output}
        """
    )
    space.write("data/a.txt", "x y\n")
    space.write("data/b.txt", "y z\n")
    both = ("split a", "split b", "proc a x", "proc a y", "proc b y", "proc b z")
    ran(space, *both, "one a", "one b", "all_of")
    assert space.read("build/all.txt") == "y\nz\nx\ny\n"
    space.write("data/a.txt", "x q\n")
    ran(space, "split a", "proc a q", "one a", "all_of")
    assert space.read("build/all.txt") == "y\nz\nq\nx\n"


def test_a_scatter_inside_a_scatter(space: Space) -> None:
    space.workflow(
        """
        rules:
          all:
            input: build/all.txt
          outer:
            input: data.txt
            output: build/outer/{a}.txt
            scatter: a
            shell: |
              echo outer >> "$RAN_LOG"
              while read -r x y; do echo $y > {output}/$x.txt; done < {input}
          inner:
            input: build/outer/{a}.txt
            output: build/inner/{a}/{b}.txt
            scatter: b
            shell: |
              echo inner {a} >> "$RAN_LOG"
              for w in $(cat {input}); do echo {a}$w > {output}/$w.txt; done
          leaf:
            input: build/inner/{a}/{b}.txt
            output: build/leaf/{a}/{b}.txt
            shell: echo leaf {a} {b} >> "$RAN_LOG"; cp {input} {output}
          gather:
            input: build/leaf/{a}/{b}.txt
            output: build/all.txt
            shell: echo gather >> "$RAN_LOG"; cat {input} > {output}
        """
    )
    space.write("data.txt", "p 1 2\nq 1\n")
    leaves = ("leaf p 1", "leaf p 2", "leaf q 1")
    ran(space, "outer", "inner p", "inner q", *leaves, "gather")
    assert space.read("build/all.txt") == "p1\np2\nq1\n"
    space.write("data.txt", "p 1 2\nq 1 3\n")
    ran(space, "outer", "inner q", "leaf q 3", "gather")
    space.write("data.txt", "q 1 3\n")
    ran(space, "outer", "gather")
    assert space.read("build/all.txt") == "q1\nq3\n"


def test_two_scatters_of_one_name_are_joined(space: Space) -> None:
    space.workflow(
        """
        rules:
          all:
            input: [build/both.txt, build/left.txt]
          left:
            output: build/l/{x}.txt
            scatter: x
            shell: for x in a b c; do echo l$x > {output}/$x.txt; done
          right:
            output: build/r/{x}.txt
            scatter: x
            shell: for x in b c d; do echo r$x > {output}/$x.txt; done
          pair:
            input: ["build/l/{x}.txt", "build/r/{x}.txt"]
            output: build/pair/{x}.txt
            shell: cat {input} > {output}
          both:
            input: build/pair/{x}.txt
            output: build/both.txt
            shell: cat {input} > {output}
          left_only:
            input: build/l/{x}.txt
            output: build/left.txt
            shell: cat {input} > {output}
        """
    )
    flow = space.good()
    assert space.read("build/both.txt") == "lb\nrb\nlc\nrc\n"
    assert space.read("build/left.txt") == "la\nlb\nlc\n"
    notes = " ".join(e["text"] for e in flow.events if e["event"] == "note")
    assert "no partner" in notes


def test_two_scattered_outputs_and_folders(space: Space) -> None:
    space.workflow(
        """
        rules:
          all:
            input: build/all.txt
          split:
            output:
              text: build/t/{chunk}.txt
              part: build/parts/{chunk}/
              index: build/index.txt
            scatter: chunk
            run: steps:split
          use:
            input: {t: "build/t/{chunk}.txt", part: "build/parts/{chunk}/", i: build/index.txt}
            output: build/use/{chunk}.txt
            shell: cat {input.t} {input.part}/x > {output}
          total:
            input: build/use/{chunk}.txt
            output: build/all.txt
            shell: cat {input} > {output}
        """
    )
    space.write(
        "steps.py",
        "def split(text, part, index):\n"
        "    for n in '12':\n"
        "        (text / f'{n}.txt').write_text(n)\n"
        "        (part / n).mkdir()\n"
        "        (part / n / 'x').write_text('x' + n)\n"
        "    index.write_text('two')\n",
    )
    space.good()
    assert space.read("build/all.txt") == "1x12x2"
    assert space.good().summary["built"] == 0
    space.replace("steps.py", "    index", "    (text / '3.txt').write_text('3')\n    index")
    flow = space.run()
    assert flow.status == 1 and "chunk=3" in flow.text


def test_values_that_are_declared_need_no_waiting(space: Space) -> None:
    space.workflow(
        """
        wildcards:
          half: [left, right]
        rules:
          all:
            input: build/both.txt
          split:
            input: data.txt
            output: build/{half}.txt
            scatter: half
            shell: |
              echo split >> "$RAN_LOG"
              for h in left right; do cp {input} {output}/$h.txt; done
          use:
            input: build/{half}.txt
            output: build/use/{half}.txt
            shell: echo use {half} >> "$RAN_LOG"; cp {input} {output}
          both:
            input: build/use/{half}.txt
            output: build/both.txt
            shell: echo both >> "$RAN_LOG"; cat {input} > {output}
        """
    )
    space.write("data.txt", "x\n")
    dry = space.good("-n")
    assert dry.planned == {"split", "use left", "use right", "both"}
    ran(space, "split", "use left", "use right", "both")
    space.replace("Workflowfile", "for h in left right", "for h in left")
    flow = space.run()
    assert flow.status == 1 and "did not make build/right.txt" in flow.text


def test_a_file_that_fits_no_output_fails_the_scatter(space: Space) -> None:
    build(space)
    space.replace("Workflowfile", "done < {input}", "done < {input}; touch {output}/odd.tmp")
    flow = space.run()
    assert flow.status == 1
    assert "build/chunks/odd.tmp" in flow.text and "fits no output" in flow.text


def test_a_scatter_that_finds_nothing(space: Space) -> None:
    build(space, data="")
    flow = space.run()
    assert flow.status == 1
    assert "gives no path" in flow.text
    assert flow.summary["built"] == 1
    space.replace(
        "Workflowfile",
        "    input: build/proc/{chunk}.txt\n",
        '    input: {path: "build/proc/{chunk}.txt", optional: true}\n',
    )
    space.replace("Workflowfile", "cat {input} >", "cat /dev/null {input} >")
    ran(space, "total")
    assert space.read("build/total.txt") == ""


def test_targets_below_a_scatter(space: Space) -> None:
    build(space)
    ran(space, "split", "proc 2", args=("build/proc/2.txt",))
    flow = space.run("build/proc/3.txt")
    assert flow.status == 2 and "build/proc/3.txt" in flow.text
    flow = space.run("build/chunks/99.txt")
    assert flow.status == 2 and "build/chunks/99.txt" in flow.text
    ran(space, args=("build/chunks/1.txt",))
    ran(space, "proc 1", "proc 10", args=("proc",))
    ran(space, "total", args=("--until", "total"))


def test_a_target_that_the_scatter_does_not_make_ends_with_an_error(space: Space) -> None:
    build(space)
    flow = space.run("build/chunks/99.txt")
    assert flow.status == 1 and "build/chunks/99.txt" in flow.text
    assert space.ran == ["split"]


def test_until_and_omit_across_a_scatter(space: Space) -> None:
    build(space)
    ran(space, "split", "proc 1", "proc 2", "proc 10", args=("--until", "proc"))
    ran(space, args=("--omit", "total"))
    ran(space, "total")
    space.write("data/big.txt", "4 four\n")
    flow = space.good("--omit", "split")
    assert space.ran == [] and flow.summary["built"] == 0


def test_rerun_builds_each_job_once(space: Space) -> None:
    build(space)
    space.good()
    flow = space.good("--rerun")
    assert space.ran == sorted(["split", "proc 1", "proc 2", "proc 10", "total"])
    assert flow.summary["built"] == 5
    assert flow.summary["identical"] >= 5
    space.good("-f", "split")
    assert space.ran == ["split"]


def test_chunks_that_are_temp_go_when_they_are_used(space: Space) -> None:
    build(space)
    space.replace(
        "Workflowfile",
        "    output: build/chunks/{chunk}.txt\n",
        '    output: {path: "build/chunks/{chunk}.txt", temp: true}\n',
    )
    space.replace(
        "Workflowfile",
        "    output: build/proc/{chunk}.txt\n",
        '    output: {path: "build/proc/{chunk}.txt", temp: true}\n',
    )
    ran(space, "split", "proc 1", "proc 2", "proc 10", "total")
    assert space.files("build") == ["build/total.txt"]
    space.delete("build/total.txt")
    ran(space, "split", "proc 1", "proc 2", "proc 10", "total")


def test_a_path_that_is_not_known_yet_says_who_must_tell_and_why(space: Space) -> None:
    space.workflow(
        """
        rules:
          all: {input: out}
          ch: {input: src, output: "c/{k}", scatter: k, shell: "cp {input} {output}/1"}
          use: {input: "c/{k}", output: "u/{k}", shell: "cp {input} {output}"}
          out: {input: "u/{k}", output: out, shell: "cat {input} > {output}"}
        """
    )
    space.write("src", "a\n")
    for path in ("c/1", "u/1"):
        for reason in ("c/{k} is missing", "src changed"):
            why = space.flow("why", path)
            assert why.stdout.startswith(f"{path}: cannot be known before ch ran\nch: stale\n")
            assert reason in why.stdout
            assert json.loads(space.flow("why", "--json", path).stdout)["waits"] == {path: ["ch"]}
            assert f"{path}: cannot be known before ch ran\n" in space.flow("-n", path).stdout
            (told,) = [e for e in space.good("-n", path).events if e["event"] == "target_deferred"]
            assert (told["target"], told["after"]) == (path, ["ch"])
            space.good()
            fresh = space.flow("why", path).stdout
            assert "fresh" in fresh and "known" not in fresh
            space.write("src", space.read("src") + "b\n")
        space.delete("c/1")
        space.delete(".fileflow")
    why = space.flow("why", "u/{k}")
    assert why.stdout.startswith("u/{k}: cannot be known before ch ran\nch: stale\n")


# -- some names of one scatter have declared values, the others are found --------------------------

HALVES = """\
wildcards:
  half: [left, right]
rules:
  all:
    input: [build/total.txt, build/marks.txt]
  split:
    input: data.txt
    output:
      part: build/parts/{half}/{word}.txt
      mark: build/marks/{half}.txt
    scatter: [half, word]
    run: steps:split
  work:
    input: build/parts/{half}/{word}.txt
    output: build/work/{half}/{word}.txt
    shell: echo work {half} {word} >> "$RAN_LOG"; cp {input} {output}
  total:
    input: build/work/{half}/{word}.txt
    output: build/total.txt
    shell: echo total >> "$RAN_LOG"; cat {input} > {output}
  marks:
    input: build/marks/{half}.txt
    output: build/marks.txt
    shell: echo marks >> "$RAN_LOG"; cat {input} > {output}
"""
HALVES_STEP = """\
import os


def split(input, part, mark):
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write("split\\n")
    for line in input.read_text().splitlines():
        half, word = line.split()
        (part / half).mkdir(exist_ok=True)
        (part / half / f"{word}.txt").write_text(f"{half} {word}\\n")
        (mark / f"{half}.txt").write_text(half)
"""


def halves(space: Space, data: str) -> None:
    space.write("Workflowfile", HALVES)
    space.write("steps.py", HALVES_STEP)
    space.write("data.txt", data)


def test_only_the_names_without_values_wait_to_be_found(space: Space) -> None:
    halves(space, "right z\nleft b\nleft a\n")
    before = space.snapshot()
    dry = space.good("-n")
    assert space.snapshot() == before
    assert (dry.planned, dry.deferred) == ({"split", "marks"}, {"work", "total"})
    status = space.flow("status").stdout
    assert "work   not known yet, before split ran" in status
    assert "marks  1 missing" in status
    listed = space.flow("list").stdout
    assert "maps half (2), word (found while running)" in listed
    ran(space, "split", "work left a", "work left b", "work right z", "total", "marks")
    assert space.read("build/total.txt") == "left a\nleft b\nright z\n"
    assert space.read("build/marks.txt") == "leftright"
    space.write("data.txt", "right z\nleft b\n")
    dry = space.good("-n")
    assert (dry.planned, dry.certain) == ({"split", "marks"}, {"split"})
    assert dry.deferred == {"work", "total"}
    ran(space, "split", "total")
    # What needs only declared names can be asked for with nothing else.
    space.delete(".fileflow")
    space.delete("build")
    ran(space, "split", args=("build/marks/left.txt",))
    flow = space.run("build/marks/up.txt")
    assert flow.status == 2 and "build/marks/up.txt" in flow.text


def test_a_declared_value_that_is_not_made_is_the_failure_of_the_job(space: Space) -> None:
    halves(space, "left a\n")
    flow = space.run("-k")
    assert flow.status == 1 and flow.counts()[:3] == (0, 0, 1)
    assert "the action did not make build/parts/right/{word}.txt" in flow.text
    assert "the action did not make build/marks/right.txt" in flow.text
    space.write("data.txt", "left a\nright a\nup a\n")
    flow = space.run()
    assert flow.status == 1
    assert "build/parts/up/a.txt, but half=up is not among the declared values" in flow.text
    assert "build/marks/up.txt, but half=up is not among the declared values" in flow.text
    assert not space.exists("build/parts")
    space.replace("Workflowfile", "[left, right]", "[left, right, up]")
    space.good()
    assert space.read("build/marks.txt") == "leftrightup"
    space.replace("Workflowfile", "[left, right, up]", "[left, down]")
    why = space.flow("why", "split").stdout
    assert "build/parts/down/{word}.txt, build/marks/down.txt new" in why
    assert "build/parts/right/{word}.txt, build/parts/up/{word}.txt" in why


def test_all_that_a_half_declared_scatter_makes_is_known_after_it(space: Space) -> None:
    halves(space, "left a\nright b\n")
    space.replace("Workflowfile", "rules:\n", "rules:\n  every: {input: {rule: split}}\n")
    dry = space.good("-n", "every")
    assert dry.planned == {"split"}
    ran(space, "split", args=("every",))
    space.delete("build/parts/left/a.txt")
    ran(space, "split", args=("every",))


@pytest.mark.parametrize("way", ["run", "shell", "argv", "script"])
def test_declared_rows_agree_with_the_job_and_each_action_may_scatter_so(
    space: Space, way: str
) -> None:
    """Which lanes a sample has stands in the sheet; which parts a lane has is found."""
    actions = {
        "run": "run: steps:split",
        "shell": 'shell: "set -- $(cat {input}) ; for l in ${1//,/ }; do mkdir {output}/$l; '
        'for p in ${2//,/ }; do echo $l$p > {output}/$l/$p; done; done"',
        "argv": "argv: [bash, split.sh, '{input}', '{output}']",
        "script": "script: split.sh",
    }
    space.write(
        "steps.py",
        "def split(input):\n"
        "    lanes, parts = input.read_text().split()\n"
        "    for lane in lanes.split(','):\n"
        "        for part in parts.split(','):\n"
        "            yield {'lane': lane, 'part': part}, lane + part + '\\n'\n",
    )
    space.write(
        "split.sh",
        "set -- $(cat $1) $2\n"
        "for l in ${1//,/ }; do\n"
        "  mkdir $3/$l\n"
        "  for p in ${2//,/ }; do echo $l$p > $3/$l/$p; done\n"
        "done\n",
    )
    space.workflow(
        f"""
        wildcards:
          sample, lane: [[x, "1"], [x, "2"], [y, "2"]]
        rules:
          all:
            input: build/all.txt
          split:
            input: in/{{sample}}.txt
            output: build/{{sample}}/{{lane}}/{{part}}
            scatter: [lane, part]
            {actions[way]}
          one:
            input: build/{{sample}}/{{lane}}/{{part}}
            output: build/one/{{sample}}-{{lane}}
            shell: echo one {{sample}} {{lane}} >> "$RAN_LOG"; cat {{input}} > {{output}}
          every:
            input: build/one/{{sample}}-{{lane}}
            output: build/all.txt
            shell: cat {{input}} > {{output}}
        """
    )
    space.write("in/x.txt", "1,2 a,b\n")
    space.write("in/y.txt", "2 c\n")
    space.good()
    assert space.ran == ["one x 1", "one x 2", "one y 2"]
    assert space.read("build/all.txt") == "1a\n1b\n2a\n2b\n2c\n"
    assert space.good().counts() == (0, 6, 0, 0)
    space.write("in/y.txt", "2 c,d\n")
    space.good()
    assert space.ran == ["one y 2"]
    space.write("in/y.txt", "1 c\n")
    flow = space.run()
    assert flow.status == 1
    assert "build/y/1/c, but lane=1 is not among the declared values" in flow.text
    assert "did not make build/y/2/{part}" in flow.text


@pytest.mark.parametrize("found", [False, True], ids=["all declared", "half declared"])
def test_a_scatter_waits_for_the_list_that_declares_its_values(space: Space, found: bool) -> None:
    part = "{half}-{word}.txt" if found else "{half}.txt"
    name = "$half-$word" if found else "$half"
    space.workflow(
        f"""
        wildcards:
          half: {{lines: build/halves.txt}}
        rules:
          all:
            input: build/parts/{part}
          halves:
            input: halves.txt
            output: build/halves.txt
            shell: echo halves >> "$RAN_LOG"; cp {{input}} {{output}}
          split:
            input: data.txt
            output: build/parts/{part}
            scatter: {"[half, word]" if found else "half"}
            shell: |
              echo split >> "$RAN_LOG"
              while read -r half word; do touch {{output}}/{name}.txt; done < {{input}}
        """
    )
    space.write("halves.txt", "left\nright\n")
    space.write("data.txt", "left a\nright b\n")
    for target in ("split", "all", "build/parts/left-a.txt" if found else "build/parts/left.txt"):
        dry = space.good("-n", target)
        assert dry.planned == {"halves"}
        assert target != "split" or dry.deferred == {"split"}
        ran(space, "halves", "split", args=(target,))
        space.delete(".fileflow")
        space.delete("build")
    ran(space, "halves", "split")
    space.write("halves.txt", "left\nright\nup\n")
    space.write("data.txt", "left a\nright b\nup c\n")
    ran(space, "halves", "split")
    space.write("halves.txt", "left\nright\n")
    flow = space.run()
    assert flow.status == 1 and "half=up is not among the declared values" in flow.text
    space.write("data.txt", "left a\nright b\n")
    ran(space, "split")
