"""Values that a scatter finds while running: which jobs run after each change, through the CLI."""

import json
import signal

import pytest

from .space import Space, wait_for

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


def test_new_chunks_are_added_and_lost_ones_become_orphans(space: Space) -> None:
    build(space)
    space.good()
    space.write("data/big.txt", "1 one\n2 two\n3 three\n")
    flow = space.good()
    assert space.ran == ["proc 3", "split", "total"]
    notes = " ".join(e["text"] for e in flow.events if e["event"] == "note")
    assert "build/chunks/10.txt" in notes and "build/proc/10.txt" in notes
    assert space.read("build/total.txt") == "ONE\nTWO\nTHREE\n"
    assert space.exists("build/chunks/10.txt")
    dry = space.flow("clean", "--orphans", "-n")
    assert "build/chunks/10.txt" in dry.stdout and "build/proc/10.txt" in dry.stdout
    space.write("build/proc/10.txt", "mine\n")
    cleaned = space.flow("clean", "--orphans")
    assert cleaned.status == 0, cleaned.text
    assert "build/proc/10.txt stays" in cleaned.stdout
    assert not space.exists("build/chunks/10.txt")
    assert space.exists("build/chunks/1.txt") and space.exists("build/proc/3.txt")
    ran(space)
    space.write("data/big.txt", "1 one\n10 ten\n2 two\n3 three\n")
    ran(space, "split", "proc 10", "total")


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
