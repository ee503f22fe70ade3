from __future__ import annotations

import pytest

from fileflow.commands.adopt import adopt
from fileflow.commands.log import log
from fileflow.commands.why import why
from fileflow.engine.session import STATE
from fileflow.errors import Exit, FileflowError
from fileflow.world.lock import Lock

from .conftest import Folder, wish, words


def adopted(folder: Folder, *targets: str) -> list[str]:
    assert adopt(folder.project(), wish(*targets), folder.say) == 0
    return folder.said.splitlines()


def test_outputs_that_exist_are_taken_as_they_are(months: Folder) -> None:
    months.write("build/01.txt", "one\n")
    months.write("build/02.txt", "edited\n")
    months.write("build/total.txt", "all\n")
    assert adopted(months) == ["copy: 2 jobs recorded as fresh", "total: 1 job recorded as fresh"]
    assert months.build().built == 0
    assert (months.root / "build/02.txt").read_text() == "edited\n"


def test_what_lacks_a_source_is_left_and_the_rest_is_recorded(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "echo copying", "echo now copying")
    (months.root / "data/01.txt").unlink()
    months.write(
        "Workflowfile",
        (months.root / "Workflowfile")
        .read_text()
        .replace("month: data/{month}.txt", 'month: ["01", "02"]'),
    )
    assert adopted(months) == [
        "copy: 1 job recorded as fresh",
        "copy: left: build/01.txt: its input data/01.txt is not there",
    ]


def test_what_the_last_run_printed_is_kept(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "echo copying", "echo now copying")
    assert adopted(months)[0] == "copy: 2 jobs recorded as fresh"
    shown: list[bytes] = []
    assert log(months.session, words("build/01.txt"), shown.append) == 0
    assert b"".join(shown) == b"copying 01\n"


def test_only_the_jobs_that_are_chosen_are_recorded(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "echo copying", "echo now copying")
    wishes = wish("copy", where=(("month", ("02",)),))
    assert adopt(months.project(), wishes, months.say) == 0
    assert months.said.splitlines() == ["copy: 1 job recorded as fresh"]
    assert months.build().built == 1
    months.replace("Workflowfile", "echo now copying", "echo copying")
    assert adopt(months.project(), wish(omit=words("copy")), months.say) == 0
    assert months.said.splitlines() == ["nothing to adopt: all is fresh"]
    assert months.build().built == 2


def test_a_change_of_the_action_does_not_matter_after_it(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "echo copying", "echo now copying")
    assert adopted(months) == ["copy: 2 jobs recorded as fresh"]
    assert months.build().built == 0
    months.write("data/01.txt", "other\n")
    assert months.build().built == 2


def test_an_output_that_was_overwritten_is_taken_with_those_who_read_it(months: Folder) -> None:
    months.build()
    months.write("build/01.txt", "by hand\n")
    months.write("build/total.txt", "by hand too\n")
    assert adopted(months) == ["copy: 1 job recorded as fresh", "total: 1 job recorded as fresh"]
    assert months.build().built == 0
    assert (months.root / "build/01.txt").read_text() == "by hand\n"
    assert (months.root / "build/total.txt").read_text() == "by hand too\n"
    (months.root / "build/01.txt").unlink()
    assert months.build("build/01.txt").built == 1
    assert months.build().built == 1, "what was read by hand is not what is there now"


def test_an_output_that_was_edited_by_hand_is_taken_with_what_follows_from_it(
    months: Folder,
) -> None:
    months.build()
    months.write("build/02.txt", "edited\n")
    assert adopted(months) == ["copy: 1 job recorded as fresh", "total: 1 job recorded as fresh"]
    assert months.build().built == 0
    assert (months.root / "build/02.txt").read_text() == "edited\n"


def test_a_job_without_its_output_is_named_and_left(months: Folder) -> None:
    months.write("build/01.txt", "one\n")
    assert adopted(months, "copy") == [
        "copy: 1 job recorded as fresh",
        "copy: left: build/02.txt is not there",
    ]
    assert months.build("copy").built == 1


def test_what_an_unknown_input_went_into_is_left(months: Folder) -> None:
    months.write("build/total.txt", "all\n")
    months.write("build/01.txt", "one\n")
    assert "total: left: build/total.txt: its input build/02.txt is not there" in adopted(months)


def test_an_intermediate_that_is_gone_needs_no_word(months: Folder) -> None:
    months.build()
    months.delete("build/01.txt")
    months.replace("Workflowfile", "shell: cat {input} > {output}", "shell: cat {input} >{output}")
    assert adopted(months) == ["total: 1 job recorded as fresh"]
    assert months.build().built == 0


def test_nothing_to_adopt_is_said(months: Folder) -> None:
    months.build()
    assert adopted(months) == ["nothing to adopt: all is fresh"]


def test_why_tells_that_a_job_was_adopted(months: Folder) -> None:
    months.write("build/01.txt", "one\n")
    adopted(months, "build/01.txt")
    why(months.session, words("build/01.txt"), months.say)
    assert months.said.startswith("copy month=01: fresh: adopted 20")


def test_a_folder_in_an_outputs_place_is_left(months: Folder) -> None:
    (months.root / "build/01.txt").mkdir(parents=True)
    assert "copy: left: build/01.txt is not a file" in adopted(months, "copy")


def test_a_folder_that_another_run_holds_is_left_alone(months: Folder) -> None:
    months.build()
    with Lock(STATE) as lock:
        lock.acquire("fileflow all")
        with pytest.raises(FileflowError) as caught:
            adopted(months)
    assert caught.value.status is Exit.LOCKED


def test_an_unknown_target_changes_no_byte(months: Folder) -> None:
    with pytest.raises(FileflowError, match="totl"):
        adopted(months, "totl")
    assert not months.there(".fileflow")


def test_a_program_gets_numbers(months: Folder) -> None:
    months.write("build/01.txt", "one\n")
    adopt(months.project(), wish("copy"), months.say, as_json=True)
    assert months.data == {
        "rules": [{"rule": "copy", "adopted": 1, "left": ["build/02.txt is not there"]}]
    }


SCATTER = """
    rules:
      all:
        input: build/total.txt
      split:
        input: data.txt
        output: build/parts/{part}.txt
        scatter: part
        shell: split -l 1 -d --additional-suffix=.txt {input} {output}/
      upper:
        input: build/parts/{part}.txt
        output: build/upper/{part}.txt
        shell: tr a-z A-Z < {input} > {output}
      total:
        input: build/upper/{part}.txt
        output: build/total.txt
        shell: cat {input} > {output}
"""


def test_what_a_scatter_made_is_taken_and_then_what_was_made_from_it(folder: Folder) -> None:
    folder.workflow(SCATTER)
    folder.write("data.txt", "a\nb\n")
    folder.build()
    (folder.root / ".fileflow/journal").unlink()
    folder.write("build/parts/notes.md", "no part\n")
    assert adopted(folder) == [
        "split: 1 job recorded as fresh",
        "upper: 2 jobs recorded as fresh",
        "total: 1 job recorded as fresh",
    ]
    assert folder.build().built == 0
    folder.write("data.txt", "a\nc\n")
    assert folder.build().built == 3


def test_a_scatter_without_any_file_is_left(folder: Folder) -> None:
    folder.workflow(SCATTER)
    folder.write("data.txt", "a\nb\n")
    assert adopted(folder) == ["split: left: no file is there as build/parts/{part}.txt"]
    assert folder.build().built == 4


def test_of_a_scatter_with_declared_values_each_file_must_be_there(folder: Folder) -> None:
    folder.workflow("    wildcards: {part: ['00', '01']}\n" + SCATTER)
    folder.write("data.txt", "a\nb\n")
    folder.build()
    (folder.root / ".fileflow/journal").unlink()
    folder.delete("build/parts/01.txt")
    assert "split: left: build/parts/01.txt is not there" in adopted(folder)
    folder.write("build/parts/01.txt", "b\n")
    assert "split: 1 job recorded as fresh" in adopted(folder)


def test_of_a_scatter_with_some_declared_values_each_of_them_must_be_there(folder: Folder) -> None:
    folder.workflow("""
        wildcards: {half: [l, r]}
        rules:
          split:
            output: build/{half}/{part}.txt
            scatter: [half, part]
            shell: mkdir {output}/l {output}/r; touch {output}/l/1.txt {output}/r/2.txt
        """)
    folder.build()
    (folder.root / ".fileflow/journal").unlink()
    folder.delete("build/r/2.txt")
    folder.write("build/other/1.txt", "of no declared value\n")
    assert "split: left: no file is there as build/r/{part}.txt" in adopted(folder)
    folder.write("build/r/3.txt", "")
    assert "split: 1 job recorded as fresh" in adopted(folder)
    assert folder.build().built == 0
