from __future__ import annotations

from collections.abc import Sequence

import pytest

from fileflow.commands.check import check
from fileflow.errors import FileflowError
from fileflow.executors.describing import described
from fileflow.model.ports import Parameter

from .conftest import Folder


def notes(folder: Folder) -> list[str]:
    assert check(folder.session, folder.say) == 0
    *found, last = folder.said.splitlines()
    assert last.endswith("nothing wrong")
    return found


def wrong(folder: Folder) -> str:
    with pytest.raises(FileflowError) as caught:
        check(folder.session, folder.say)
    return str(caught.value)


def test_nothing_wrong_is_said_with_the_number_of_rules_and_jobs(months: Folder) -> None:
    assert check(months.session, months.say) == 0
    assert months.said == "3 rules, 3 jobs: nothing wrong"
    assert not months.there("build")


def test_mistakes_of_all_rules_are_told_at_once(folder: Folder) -> None:
    folder.write("steps.py", "def make(output, size): ...\n")
    folder.workflow("""
        rules:
          good: {output: a.txt, shell: "touch {output}"}
          other: {input: gone.txt, output: b.txt, shell: "cp {input} {output}"}
          third: {output: c.txt, run: "steps:make"}
          fourth: {output: d.txt, run: "stepz:make"}
    """)
    text = wrong(folder)
    assert "gone.txt is not there" in text
    assert "'size'" in text and "'third' does not provide" in text
    assert "stepz" in text


def test_an_item_of_what_a_rule_or_a_run_gives_is_no_mistake(folder: Folder) -> None:
    text = """
        wildcards: {n: [1, 2]}
        rules:
          part: {output: "{n}.o", shell: "touch {output}"}
          show: {input: {x: {rule: part}}, output: a.txt, shell: "echo {input.x[1]} > {output}"}
          split: {output: "s/{k}.txt", scatter: k, shell: "touch {output}/1.txt"}
          first: {input: "s/{k}.txt", output: b.txt, shell: "cp {input[0]} {output}"}
          names: {output: names.txt, shell: "echo p > {output}"}
          p: {output: i/p, shell: "touch {output}"}
          third:
            input: {path: "i/{m}", m: {lines: names.txt}}
            output: c.txt
            argv: [cp, "{input[-1]}", "{output}"]
    """
    folder.workflow(text)
    assert notes(folder) == []
    folder.workflow(text.replace("x[1]", "x[2]"))
    assert "{input.x[2]}: the list has 2 items (job show)" in wrong(folder)


def test_a_function_of_a_rule_that_only_fits_paths_is_bound_too(folder: Folder) -> None:
    folder.write("steps.py", "def make(input, output, size): ...\n")
    folder.workflow("""
        rules:
          free: {input: "{x}.in", output: "{x}.out", run: "steps:make"}
    """)
    assert "'size'" in wrong(folder)


def test_what_a_function_takes_is_asked_where_its_source_does_not_say(folder: Folder) -> None:
    folder.write("steps.py", "make = (lambda f: f)(print)\n")
    folder.workflow("""
        rules:
          one: {output: a.txt, run: "steps:make"}
    """)

    def describe(module: str, function: str) -> Sequence[Parameter]:
        assert (module, function) == ("steps", "make")
        return [Parameter("size", "keyword_only", has_default=False, annotation=None)]

    with pytest.raises(FileflowError, match="size"):
        check(folder.session, folder.say, describe=describe)


def test_rules_that_share_a_path_are_noted_or_wrong(folder: Folder) -> None:
    flow = """
        rules:
          one: {output: a.txt, shell: "touch {output}", prefer: 1}
          two: {output: [a.txt, b.txt], shell: "touch {output}"}
    """
    folder.workflow(flow)
    assert notes(folder) == ["rules one and two both make a.txt: one is preferred"]
    folder.workflow(flow.replace(", prefer: 1", ""))
    assert "a.txt is made by more than one job" in wrong(folder)
    folder.workflow(
        flow.replace(", prefer: 1", "").replace("rules:", "rules:\n          all: {input: a.txt}")
    )
    assert wrong(folder).count("a.txt is made by more than one job") == 1


def test_rules_that_share_a_path_hide_no_mistake_of_another_rule(folder: Folder) -> None:
    folder.workflow("""
        wildcards: {n: [1, 2]}
        rules:
          any: {output: "o/{n}.txt", shell: "echo any > {output}"}
          one: {output: "o/1.txt", shell: "echo one > {output}"}
          bad: {input: gone.txt, output: b.txt, shell: "cp {input} {output}"}
        """)
    found = wrong(folder)
    assert "gone.txt" in found and "two jobs" not in found


def test_unused_names_are_noted_with_their_places(folder: Folder) -> None:
    folder.workflow("""
        config:
          used: {a: 1, b: 2}
          spare: 3
          mode: fast
        wildcards:
          n: [1, 2]
          base: [x, y]
          m, k: {pairs: base}
          never: [1]
        rules:
          make:
            when: {mode: fast}
            input: []
            output: "{n}/{m}{k}.txt"
            shell: echo {config.used.a} > {output}
    """)
    found = notes(folder)
    assert len(found) == 3
    assert found[0].startswith("Workflowfile:") and found[0].endswith("the values of never")
    assert [line.split()[-1] for line in found[1:]] == ["config.used.b", "config.spare"]


def test_values_of_a_scatter_and_of_an_entry_are_used(folder: Folder) -> None:
    folder.workflow("""
        wildcards: {half: [l, r], s: [a, b], spare: [1]}
        rules:
          cut: {output: "o/{half}", scatter: half, shell: "touch {output}/l {output}/r"}
          list: {output: list.txt, shell: "echo a > {output}"}
          make:
            input: {path: "{n}.in", n: {same: s}}
            output: {path: "made/{m}", m: {lines: list.txt}}
            shell: touch {output}
        """)
    folder.write("a.in", "")
    folder.write("b.in", "")
    assert notes(folder) == ["Workflowfile:2:38: no rule uses the values of spare"]


def test_a_function_that_takes_config_uses_all_of_it(folder: Folder) -> None:
    folder.write("steps.py", "def make(output, config): ...\n")
    folder.workflow("""
        config: {spare: 3}
        rules:
          make: {output: a.txt, run: "steps:make"}
    """)
    assert notes(folder) == []


def test_files_passed_over_as_values_are_counted(folder: Folder) -> None:
    folder.write("a.txt", "")
    folder.write("a.new.txt", "")
    folder.workflow("""
        wildcards: {n: "{n}.txt"}
        rules:
          make:
            input: "{n}.txt"
            output: "{n}.new.txt"
            shell: cp {input} {output}
    """)
    assert notes(folder) == ["1 file passed over as values of n: rules make them"]


def test_an_optional_pattern_that_matches_nothing_is_noted(folder: Folder) -> None:
    folder.workflow("""
        rules:
          make:
            input: {path: gone.txt, optional: true}
            output: a.txt
            shell: touch {output}
    """)
    [note] = notes(folder)
    assert note.endswith("no file matches gone.txt (it is optional)")


LATE = """
    wildcards: {day: [1, 2, 3]}
    rules:
      all:
        input: {path: "tidy/{day}.txt", optional: true}
        output: all.txt
        shell: cat {input} > {output}
      tidy:
        input: raw/{day}.txt
        output: tidy/{day}.txt
        shell: cp {input} {output}
"""


def test_a_source_that_may_come_late_is_noted(folder: Folder) -> None:
    folder.workflow(LATE)
    folder.write("raw/1.txt", "")
    folder.write("raw/3.txt", "")
    assert notes(folder) == ["rule tidy: raw/2.txt is not there; what asks for it is optional"]
    folder.delete("raw/1.txt")
    assert "rule tidy: 2 files (raw/1.txt, …) are not there" in notes(folder)[0]
    folder.workflow(LATE.replace(", optional: true", ""))
    assert "raw/2.txt is not there, and no rule makes it" in wrong(folder)


def test_a_source_that_one_rule_cannot_do_without_is_wrong(folder: Folder) -> None:
    last = "      last: {input: tidy/3.txt, output: last.txt, shell: 'cp {input} {output}'}\n"
    folder.workflow(LATE + last)
    folder.write("raw/1.txt", "")
    folder.write("raw/2.txt", "")
    assert "raw/3.txt is not there, and no rule makes it" in wrong(folder)


def test_an_entry_that_is_switched_off_is_not_noted(folder: Folder) -> None:
    folder.workflow("""
        config: {mode: draft}
        rules:
          make:
            input: {path: gone.txt, when: {mode: final}}
            output: a.txt
            shell: touch {output}
    """)
    assert notes(folder) == []


def test_a_config_look_up_that_fails_for_one_value_is_wrong(folder: Folder) -> None:
    folder.workflow("""
        config: {rate: {a: 1}}
        wildcards: {s: [a, b]}
        rules:
          make: {output: "{s}.txt", shell: "echo {config.rate[s]} > {output}"}
    """)
    assert "'b'" in wrong(folder)


def test_a_job_that_needs_what_it_makes_is_wrong(folder: Folder) -> None:
    folder.workflow("""
        rules:
          make: {input: a.txt, output: b.txt, shell: "cp {input} {output}"}
          back: {input: b.txt, output: a.txt, shell: "cp {input} {output}"}
    """)
    assert "in a ring" in wrong(folder)


def test_a_program_gets_mistakes_with_their_places(folder: Folder) -> None:
    folder.workflow("""
        rules:
          make: {input: gone.txt, output: a.txt, shell: "cp {input} {output}"}
    """)
    assert check(folder.session, folder.say, as_json=True) == 2
    found = folder.data
    assert found["rules"] == found["jobs"] == 1
    [error] = found["errors"]
    assert error["what"] == "gone.txt is not there, and no rule makes it"
    assert (error["file"], error["line"]) == ("Workflowfile", 3)


def test_a_rule_that_is_not_there_is_noted(folder: Folder) -> None:
    folder.workflow("""
        config: {mode: fast}
        rules:
          all: {output: a, shell: touch a}
          b: {when: {mode: slow}, output: b, shell: touch b}
    """)
    said = "rule b is not there, and not checked: it is only when config.mode is slow (it is fast)"
    assert notes(folder) == [said]


@pytest.mark.parametrize("text", ["def make(output) pass\n", "from nothere import make\n"])
def test_a_module_that_cannot_be_imported_is_told_with_its_place(folder: Folder, text: str) -> None:
    folder.write("broken.py", text)
    folder.workflow("""
        rules:
          make: {output: a.txt, run: "broken:make"}
        """)
    with pytest.raises(FileflowError) as caught:
        check(folder.session, folder.say, describe=described)
    assert str(caught.value).startswith("Workflowfile:3:30: cannot import broken")
