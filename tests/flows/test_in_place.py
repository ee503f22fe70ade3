"""Outputs that are made under their own name: not believed before they are recorded."""

import pytest

from .space import Space, wait_for

BUILD = """
    rules:
      make:
        input: in.txt
        output: {path: env/, in_place: true%s}
        shell: |
          echo ran >> "$RAN_LOG"
          test {output} = env
          ls {output} >> "$FLAGS/found"
          cat {input} > {output}/made
          if [ -e "$FLAGS/slow" ]; then touch "$FLAGS/going"; sleep 60; fi
          if [ -e "$FLAGS/bad" ]; then exit 1; fi
          touch {output}/done
    """


def found(space: Space) -> list[str]:
    text = (space.flags / "found").read_text()
    (space.flags / "found").unlink()
    return text.split()


def test_it_is_made_under_its_own_name_and_is_fresh_then(space: Space):
    space.write("in.txt", "1\n")
    space.workflow(BUILD % "")
    assert space.good().built == {"make"}
    assert space.files("env") == ["env/done", "env/made"]
    assert found(space) == []
    assert space.good().built == set()
    space.write("in.txt", "2\n")
    assert space.good().built == {"make"}
    assert found(space) == []


def test_what_a_failed_attempt_left_is_not_believed_and_removed(space: Space):
    space.write("in.txt", "1\n")
    space.workflow(BUILD % "")
    space.flag("bad")
    assert space.run().status == 1
    assert space.files("env") == ["env/made"]
    (space.flags / "bad").unlink()
    space.write("env/left", "")
    found(space)
    assert space.good().built == {"make"}
    assert found(space) == []
    assert space.files("env") == ["env/done", "env/made"]


def test_with_keep_the_action_goes_on_with_what_is_there(space: Space):
    space.write("in.txt", "1\n")
    space.workflow(BUILD % ", keep: true")
    space.flag("bad")
    assert space.run().status == 1
    (space.flags / "bad").unlink()
    found(space)
    flow = space.good()
    assert flow.built == {"make"}
    assert "rule make: an output that is there is kept" in flow.text and "replaced" not in flow.text
    assert found(space) == ["made"]
    assert space.good().built == set()


def test_a_killed_attempt_is_not_believed(space: Space):
    space.write("in.txt", "1\n")
    space.workflow(BUILD % ", keep: true")
    space.good()
    space.write("in.txt", "2\n")
    space.flag("slow")
    running = space.start()
    wait_for(lambda: space.flagged("going"), "the job to begin")
    running.process.kill()
    running.process.wait()
    (space.flags / "slow").unlink()
    assert space.good("-n").planned == {"make"}
    assert space.good().built == {"make"}
    assert space.read("env/made") == "2\n"


UNDONE = """
    wildcards: {n: {range: 40}}
    rules:
      all: {input: [out.txt, "more/{n}.txt"]}
      more: {output: "more/{n}.txt", shell: "echo {n} > {output}"}
      env:
        input: spec.txt
        output: {path: env/, in_place: true%s}
        shell: |
          mkdir -p {output}; echo 'echo hi' > {output}/run
          if [ -e "$FLAGS/slow" ]; then touch "$FLAGS/going"; sleep 60; fi
          grep -q 1 {input}
          chmod +x {output}/run
      use:
        input: {env: {path: env/, order_only: true}, x: x.txt}
        output: out.txt
        shell: "{input.env}/run > {output}"
    """


@pytest.mark.parametrize("keep", ["", ", keep: true"])
@pytest.mark.parametrize("how", ["failed", "killed"])
def test_an_attempt_whose_cause_is_undone_is_not_believed(space: Space, keep: str, how: str):
    space.write("spec.txt", "1\n")
    space.write("x.txt", "1\n")
    space.workflow(UNDONE % keep)
    space.good()
    space.write("spec.txt", "2\n")
    if how == "failed":
        assert space.run().status == 1
    else:
        space.flag("slow")
        running = space.start("env")
        wait_for(lambda: space.flagged("going"), "the job to begin")
        running.process.kill()
        running.process.wait()
        (space.flags / "slow").unlink()
    space.write("spec.txt", "1\n")
    space.write("x.txt", "2\n")
    assert space.good().built == {"env", "use"}
    assert space.good().built == set()


def test_functions_and_scripts_make_it_in_place_too(space: Space):
    space.write(
        "steps.py",
        "def make(output):\n    assert str(output) == 'm/f.txt'\n    output.write_text('f')\n",
    )
    space.write(
        "s.py",
        "from fileflow import job\nassert str(job.output[0]) == 's.txt'\n"
        "job.output.kept.write_text('s')\njob.output.staged.write_text('x')\n",
    )
    space.workflow("""
        rules:
          all:
            input: [m/f.txt, s.txt]
          f:
            output: {path: m/f.txt, in_place: true}
            run: steps:make
          s:
            output: {kept: {path: s.txt, in_place: true}, staged: t.txt}
            script: s.py
        """)
    space.good()
    assert (space.read("m/f.txt"), space.read("s.txt"), space.read("t.txt")) == ("f", "s", "x")
    assert space.good().built == set()


@pytest.mark.parametrize("how", ["failed", "killed"])
def test_what_may_be_half_made_is_not_adopted(space: Space, how: str):
    space.write("in.txt", "1\n")
    space.workflow(BUILD % ", keep: true")
    space.flag("bad" if how == "failed" else "slow")
    if how == "failed":
        assert space.flow().status == 1
    else:
        running = space.start()
        wait_for(lambda: space.flagged("going"), "the job to begin")
        running.process.kill()
        running.process.wait()
        (space.flags / "slow").unlink()
    adopted = space.flow("adopt")
    assert adopted.status == 0
    assert "make: left: env may be half made" in adopted.stdout
    (space.flags / "bad").unlink(missing_ok=True)
    assert space.good().built == {"make"}
    space.replace("Workflowfile", "echo ran", "echo made")
    assert space.flow("adopt").stdout == "make: 1 job recorded as fresh\n"


@pytest.mark.parametrize("keep", ["", ", keep: true"])
@pytest.mark.parametrize("output", ["out", "out/"])
def test_a_forced_job_can_write_what_it_has_protected(refused: Space, output: str, keep: str):
    refused.write("in.txt", "1\n")
    refused.workflow(f"""
        rules:
          a:
            input: in.txt
            output: {{path: {output}, in_place: true, protected: true{keep}}}
            shell: |
              if [ -d out ]; then
                mkdir -p out/sub; cp {{input}} out/sub/made; touch out/$(cat {{input}})
              else
                cat {{input}} >> out
              fi
        """)
    refused.good()
    refused.write("in.txt", "2\n")
    assert "out is protected and stale" in refused.run().text.replace("out/", "out")
    assert refused.good("-f", "a").built == {"a"}
    out = refused.path("out")
    if output == "out":
        assert refused.read("out") == ("1\n2\n" if keep else "2\n")
    else:
        assert refused.files("out") == ["out/1"] * bool(keep) + ["out/2", "out/sub/made"]
    assert not [p for p in (out, *out.rglob("*")) if p.stat().st_mode & 0o222]
    assert refused.good().built == set()
