"""The plan grows while jobs run: what one producer has told does not wait for the others."""

from .space import Space

# `split n=2` ends only when a chunk of `split n=1` was worked on: whoever waits for all producers
# before the first chunk never gets there.
WAITS = """\
wildcards:
  n: [1, 2]
rules:
  all:
    input: build/total/{n}.txt
  split:
    output: build/chunks/{n}/{chunk}.txt
    scatter: chunk
    timeout: 60
    shell: |
      echo split {n} >> "$RAN_LOG"
      if [ {n} = 2 ]; then until [ -e "$FLAGS/proc" ]; do sleep 0.02; done; fi
      for chunk in a b c; do echo {n} $chunk > {output}/$chunk.txt; done
  proc:
    input: build/chunks/{n}/{chunk}.txt
    output: build/proc/{n}/{chunk}.txt
    shell: |
      echo proc {n} {chunk} >> "$RAN_LOG"
      touch "$FLAGS/proc"
      tr a-z A-Z < {input} > {output}
  total:
    input: build/proc/{n}/{chunk}.txt
    output: build/total/{n}.txt
    shell: |
      echo total {n} >> "$RAN_LOG"
      cat {input} > {output}
"""
ALL = {f"{rule} {n}{c}" for n in "12" for rule, c in [("split", ""), ("total", "")]} | {
    f"proc {n} {c}" for n in "12" for c in "abc"
}


def test_chunks_are_worked_on_while_another_producer_runs(space: Space) -> None:
    space.workflow(WAITS)
    found = space.good("-j", "2")
    assert sorted(space.ran) == sorted(ALL)
    assert found.counts() == (10, 0, 0, 0)
    assert space.read("build/total/1.txt") == "1 A\n1 B\n1 C\n"
    again = space.good("-j", "2")
    assert again.counts() == (0, 10, 0, 0)


def test_everything_is_built_once_by_a_rerun_too(space: Space) -> None:
    space.workflow(WAITS)
    space.good("-j", "2")
    (space.flags / "proc").unlink()
    space.forget()
    found = space.good("-j", "2", "--rerun")
    assert sorted(space.ran) == sorted(ALL)
    assert found.counts() == (10, 0, 0, 0)


def test_a_failure_beside_a_running_producer_keeps_what_it_needs_back(space: Space) -> None:
    space.workflow(WAITS.replace('touch "$FLAGS/proc"', '[ {chunk} != b ]; touch "$FLAGS/proc"'))
    found = space.run("-j", "2", "-k")
    assert found.status == 1
    assert found.counts() == (6, 0, 2, 2)
    assert sorted(set(space.ran)) == sorted(ALL - {"total 1", "total 2"})


def test_two_producers_of_one_name_are_joined_when_both_have_told(space: Space) -> None:
    space.workflow(
        """\
wildcards: {side: [left, right]}
rules:
  all: {input: build/out.txt}
  left:
    output: build/left/{x}.txt
    scatter: x
    shell: 'echo left >> "$RAN_LOG"; for x in a b; do echo l$x > {output}/$x.txt; done'
  right:
    output: build/right/{x}.txt
    scatter: x
    shell: 'echo right >> "$RAN_LOG"; for x in b c; do echo r$x > {output}/$x.txt; done'
  look:
    input: build/left/{x}.txt
    output: build/look/{x}.txt
    shell: 'echo look {x} >> "$RAN_LOG"; cat {input} > {output}'
  both:
    input: ["build/left/{x}.txt", "build/right/{x}.txt"]
    output: build/both/{x}.txt
    shell: 'echo both {x} >> "$RAN_LOG"; cat {input} > {output}'
  out:
    input: ["build/both/{x}.txt", "build/look/{x}.txt"]
    output: build/out.txt
    shell: 'echo out >> "$RAN_LOG"; cat {input} > {output}'
"""
    )
    space.good("-j", "2")
    assert space.read("build/out.txt") == "lb\nrb\nlb\n"
    assert space.good("-j", "2").counts()[0] == 0
