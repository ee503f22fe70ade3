from __future__ import annotations

import pytest

from fileflow.commands.clean import Which, clean
from fileflow.errors import FileflowError

from .conftest import Folder, words


def cleaned(folder: Folder, *targets: str, **which: bool) -> list[str]:
    chosen = Which(targets=words(*targets), **which)
    assert clean(folder.project(), chosen, folder.say) == 0
    return folder.said.splitlines()


def test_all_that_was_made_goes_and_empty_folders_with_it(months: Folder) -> None:
    months.build()
    assert cleaned(months, all=True) == [
        "copy: removed 2 outputs: build/01.txt, build/02.txt",
        "total: removed 1 output: build/total.txt",
    ]
    assert not months.there("build")
    assert months.there("data/01.txt")
    assert months.build().built == 3


def test_a_dry_run_shows_and_changes_no_byte(months: Folder) -> None:
    months.build()
    before = months.bytes()
    assert cleaned(months, "copy", dry_run=True) == [
        "would remove build/01.txt",
        "would remove build/02.txt",
    ]
    assert months.bytes() == before


def test_what_was_changed_by_hand_stays_and_is_named(months: Folder) -> None:
    months.build()
    months.write("build/01.txt", "mine\n")
    found = cleaned(months, all=True)
    assert "build/01.txt stays: it was changed since it was made" in found
    assert (months.root / "build/01.txt").read_text() == "mine\n"
    assert not months.there("build/02.txt")


def test_a_touched_output_is_still_ours(months: Folder) -> None:
    months.build()
    (months.root / "build/01.txt").touch()
    cleaned(months, "build/01.txt")
    assert not months.there("build/01.txt")


def test_a_file_that_fileflow_did_not_make_stays(months: Folder) -> None:
    months.write("build/01.txt", "mine\n")
    assert cleaned(months, "copy") == ["nothing to remove"]
    assert months.there("build/01.txt")
    with pytest.raises(FileflowError, match="is a source"):
        cleaned(months, "data/01.txt")


def test_a_link_in_an_outputs_place_stays_with_what_it_points_to(months: Folder) -> None:
    months.build()
    months.write("other.txt", "one\n")
    months.delete("build/01.txt")
    (months.root / "build/01.txt").symlink_to(months.root / "other.txt")
    assert cleaned(months, "build/01.txt") == ["build/01.txt stays: it is a link now"]


def test_a_path_a_pattern_and_a_rule_that_asks_name_outputs(months: Folder) -> None:
    months.build()
    cleaned(months, "build/01.txt")
    assert not months.there("build/01.txt") and months.there("build/02.txt")
    cleaned(months, "build/{month}.txt")
    assert not months.there("build/02.txt")
    cleaned(months, "all")
    assert not months.there("build/total.txt")


def test_of_a_job_with_two_outputs_one_can_go(folder: Folder) -> None:
    folder.workflow("""
        rules:
          two: {output: [a.txt, b.txt], shell: "touch {output}"}
    """)
    folder.build()
    cleaned(folder, "b.txt")
    assert folder.there("a.txt") and not folder.there("b.txt")
    cleaned(folder, "two")
    assert not folder.there("a.txt")


def test_orphans_are_what_no_rule_makes_any_more(months: Folder) -> None:
    months.build()
    months.delete("data/01.txt")
    assert cleaned(months, orphans=True) == ["copy: removed 1 output: build/01.txt"]
    assert months.there("build/02.txt") and months.there("build/total.txt")


def test_a_path_that_two_jobs_of_earlier_files_have_made_is_named_once(folder: Folder) -> None:
    folder.workflow("""
        rules:
          split: {input: t, output: "ch/{c}.txt", scatter: c, shell: "cp {input} {output}/1.txt"}
        """)
    folder.write("t", "1")
    folder.build()
    folder.replace("Workflowfile", '{c}.txt", scatter: c', '{d}.txt", scatter: d')
    folder.write("t", "2")
    folder.build()
    folder.replace("Workflowfile", "ch/", "dh/")
    folder.build()
    assert folder.there("ch/1.txt")
    assert cleaned(folder, orphans=True) == ["split: removed 1 output: ch/1.txt"]
    assert not folder.there("ch/1.txt") and folder.there("dh/1.txt")


FOUND_ANEW = {
    "a scatter": """
        rules:
          all: {input: "o/{k}.txt"}
          find:
            input: words.txt
            output: "b/{k}.txt"
            scatter: k
            always: true
            shell: 'for w in $(cat {input}); do echo $w > {output}/$w.txt; done'
          use: {input: "b/{k}.txt", output: "o/{k}.txt", shell: "cp {input} {output}"}
        """,
    "a list": """
        wildcards: {k: {lines: l.txt}}
        rules:
          all: {input: "o/{k}.txt"}
          list: {input: words.txt, output: l.txt, expires: 0.01s, shell: "cp {input} {output}"}
          use: {output: "o/{k}.txt", shell: "echo {k} > {output}"}
        """,
    "up the chain": """
        wildcards: {k: {lines: l.txt}}
        rules:
          all: {input: "o/{k}.txt"}
          fetch: {input: words.txt, output: f.txt, always: true, shell: "cp {input} {output}"}
          list: {input: f.txt, output: l.txt, shell: "cp {input} {output}"}
          use: {output: "o/{k}.txt", shell: "echo {k} > {output}"}
        """,
}


@pytest.mark.parametrize("kind", FOUND_ANEW)
def test_what_is_found_anew_in_each_run_is_known_by_the_last_one(folder: Folder, kind: str) -> None:
    folder.workflow(FOUND_ANEW[kind])
    folder.write("words.txt", "a\nb\n")
    folder.build()
    folder.write("words.txt", "a\n")
    folder.build()
    assert folder.there("o/b.txt")
    assert cleaned(folder, "o/{k}.txt", dry_run=True) == ["would remove o/a.txt"]
    assert cleaned(folder, "use", dry_run=True) == ["would remove o/a.txt"]
    # What it will find when its input has changed is not known.
    folder.write("words.txt", "a\nc\n")
    assert cleaned(folder, orphans=True) == ["nothing to remove"]
    folder.write("words.txt", "a\n")
    assert cleaned(folder, orphans=True) == ["use: removed 1 output: o/b.txt"]
    assert folder.there("o/a.txt")


def test_an_output_that_its_rule_has_no_more_is_an_orphan_until_it_has_it_again(
    folder: Folder,
) -> None:
    folder.workflow("""
        rules:
          make: {output: [a.txt, b.txt, c.txt], shell: 'touch {output}'}
        """)
    folder.build()
    folder.replace("Workflowfile", ", c.txt]", "]")
    folder.build()
    assert cleaned(folder, orphans=True, dry_run=True) == ["would remove c.txt"]
    folder.replace("Workflowfile", "b.txt]", "b.txt, c.txt]")
    assert folder.build().built == 1
    assert cleaned(folder, orphans=True, dry_run=True) == ["nothing to remove"]
    assert folder.build().built == 0


def test_an_output_that_another_rule_makes_now_is_no_orphan_and_stays_fresh(
    folder: Folder,
) -> None:
    folder.workflow("""
        rules:
          all: {input: [a.txt, b.txt, c.txt]}
          make: {output: [a.txt, b.txt, c.txt], shell: 'touch {output}'}
        """)
    folder.build()
    folder.workflow("""
        rules:
          all: {input: [a.txt, b.txt, c.txt]}
          both: {output: [c.txt, b.txt], shell: 'touch {output}'}
          make: {output: a.txt, input: c.txt, shell: 'touch {output}'}
        """)
    assert folder.build().built == 2
    assert folder.build().built == 0
    assert cleaned(folder, orphans=True, dry_run=True) == ["nothing to remove"]
    folder.workflow("""
        rules:
          all: {input: [a.txt, b.txt, c.txt]}
          make: {output: [a.txt, b.txt, c.txt], shell: 'touch {output}'}
        """)
    assert folder.build().built == 1
    assert folder.build().built == 0
    assert cleaned(folder, orphans=True, dry_run=True) == ["nothing to remove"]


def test_an_output_that_fits_a_free_wildcard_is_no_orphan(folder: Folder) -> None:
    folder.workflow("""
        rules:
          free: {input: "{name}.in", output: "{name}.out", shell: "cp {input} {output}"}
    """)
    folder.write("a.in", "a\n")
    folder.build("a.out")
    assert cleaned(folder, orphans=True) == ["nothing to remove"]
    assert cleaned(folder, "free") == ["free: removed 1 output: a.out"]


def test_outputs_of_a_rule_that_config_switched_off_are_no_orphans(folder: Folder) -> None:
    folder.workflow("""
        config: {fast: true}
        rules:
          make: {output: a.txt, shell: "touch {output}"}
          fast: {when: {fast: true}, output: b.txt, shell: "touch {output}"}
    """)
    folder.build("fast")
    folder.replace("Workflowfile", "config: {fast: true}", "config: {fast: false}")
    assert cleaned(folder, orphans=True) == ["nothing to remove"]


def test_an_output_that_config_switched_off_is_no_orphan(folder: Folder) -> None:
    folder.workflow("""
        config: {log: true}
        wildcards: {n: [1, 2]}
        rules:
          all: {input: "out/{n}.txt"}
          make:
            output:
              text: "out/{n}.txt"
              log: {path: "out/{n}.log", when: {log: true}}
            shell: "touch {output}"
    """)
    folder.build()
    folder.replace("Workflowfile", "config: {log: true}", "config: {log: false}")
    assert folder.build().built == 2
    assert cleaned(folder, orphans=True) == ["nothing to remove"]
    # What has lost its rule is one, whatever left it out before.
    folder.replace("Workflowfile", '      log: {path: "out/{n}.log", when: {log: true}}', "")
    assert cleaned(folder, orphans=True, dry_run=True) == [
        "would remove out/1.log",
        "would remove out/2.log",
    ]


def test_a_folder_goes_with_all_that_it_holds_unless_something_was_added(folder: Folder) -> None:
    folder.workflow("""
        rules:
          tree: {output: out/tree/, shell: "mkdir {output}/a; touch {output}/a/b"}
    """)
    folder.build()
    folder.write("out/tree/mine.txt", "mine\n")
    assert cleaned(folder, "tree") == ["out/tree stays: it was changed since it was made"]
    folder.delete("out/tree/mine.txt")
    cleaned(folder, "tree")
    assert not folder.there("out")


@pytest.mark.parametrize("path", ["parts/a", "parts/in/b", "parts/nothing", "parts/{name}"])
def test_a_part_of_a_folder_is_refused_and_the_folder_stays(folder: Folder, path: str) -> None:
    folder.write(
        "Workflowfile",
        """
        wildcards: {name: [a, c]}
        rules:
          all: {input: [parts/, parts/a]}
          parts:
            output: parts/
            shell: mkdir {output}/in; touch {output}/a {output}/c {output}/in/b
        """,
    )
    folder.build()
    with pytest.raises(
        FileflowError, match="is a part of parts/, which is made as a whole"
    ) as said:
        cleaned(folder, path)
    assert said.value.hint == "`fileflow clean parts` removes all of it"
    assert folder.there("parts/in/b")
    assert cleaned(folder, "all") == ["parts: removed 1 output: parts"]


def test_a_protected_output_needs_force(folder: Folder) -> None:
    folder.workflow("""
        rules:
          keep: {output: {path: a.txt, protected: true}, shell: "echo a > {output}"}
    """)
    folder.build()
    assert cleaned(folder, all=True) == ["a.txt stays: it is protected: --force removes it too"]
    cleaned(folder, all=True, force=True)
    assert not folder.there("a.txt")


def test_what_a_rule_protects_needs_force_though_it_may_be_written(folder: Folder) -> None:
    text = """
        rules:
          keep: {output: [a.txt, {path: b.txt, protected: true}], shell: "tee {output} < /dev/null"}
        """
    folder.write("Workflowfile", text.replace(", protected: true", ""))
    folder.build("keep")
    folder.write("Workflowfile", text)
    stays = "b.txt stays: it is protected: --force removes it too"
    assert cleaned(folder, all=True, dry_run=True) == ["would remove a.txt", stays]
    assert not cleaned(folder, all=True, dry_run=True, force=True)[-1].startswith("b.txt stays")


def test_nothing_named_is_an_error_and_so_is_an_unknown_name(months: Folder) -> None:
    with pytest.raises(FileflowError, match="clean what"):
        cleaned(months)
    with pytest.raises(FileflowError, match="totl"):
        cleaned(months, "totl")
    assert not months.there(".fileflow")


def test_an_intermediate_that_was_cleaned_is_not_missed_until_it_is_needed(months: Folder) -> None:
    months.build()
    cleaned(months, "copy")
    assert not months.there("build/01.txt")
    assert months.build().built == 0
    assert cleaned(months, "copy") == ["nothing to remove"]
    assert months.build().built == 0
    assert months.build("copy").built == 2
    cleaned(months, all=True)
    assert months.build().built == 3


def test_a_program_gets_the_paths(months: Folder) -> None:
    months.build()
    clean(months.project(), Which(all=True), months.say, as_json=True)
    found = months.data
    assert sorted(found["removed"]) == ["build/01.txt", "build/02.txt", "build/total.txt"]
    assert found["stays"] == {}
