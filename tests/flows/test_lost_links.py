"""Links to nothing, and rings of links, inside folders: they count by name and by what they say."""

import os

import pytest

from .space import Space

ECHO = """
    rules:
      all: {input: d/}
      d: {output: d/, shell: 'echo d >> "$RAN_LOG"; echo 1 > {output}/x; ln -s x {output}/l'}
    """


def test_a_folder_whose_link_has_lost_its_file_is_built_again(space: Space):
    space.workflow(ECHO)
    space.good()
    assert space.good().counts() == (0, 1, 0, 0)
    space.delete("d/x")
    assert space.good("-n").planned == {"d"}
    assert "stale" in space.flow("status").stdout
    why = space.flow("why", "d")
    assert why.status == 0 and "d was changed" in why.text
    assert space.good().built == {"d"}
    assert space.read("d/l") == "1\n"
    assert space.good().built == set()


def test_clean_leaves_a_folder_whose_link_leads_elsewhere(space: Space):
    space.workflow(ECHO)
    space.good()
    space.delete("d/x")
    flow = space.flow("clean", "d/")
    assert space.exists("d/l") and "changed" in flow.text


@pytest.mark.parametrize("private", ["false", "true"])
@pytest.mark.parametrize("said", ["gone", "ring", "x/under", "../../nowhere"])
def test_an_action_may_leave_a_link_to_nothing(space: Space, said: str, private: str):
    space.workflow(f"""
        rules:
          all: {{input: used.txt}}
          d:
            output: d/
            private: {private}
            shell: echo 1 > {{output}}/x; ln -s {said} {{output}}/ring
          use:
            input: d/
            output: used.txt
            private: {private}
            shell: readlink d/ring > {{output}}
        """)
    assert space.good().built == {"d", "use"}
    assert space.read("used.txt") == said + "\n"
    assert space.good().built == set()
    space.path("d/ring").unlink()
    os.symlink("other", space.path("d/ring"))
    assert space.good().built == {"d"}  # the same again: `use` is kept
    assert os.readlink(space.path("d/ring")) == said


def test_an_input_folder_with_a_link_to_nothing_is_read_by_what_the_link_says(space: Space):
    space.workflow("""
        rules:
          all: {input: out.txt}
          use: {input: src/, output: out.txt, shell: 'ls {input} > {output}'}
        """)
    space.write("src/a", "1")
    os.symlink("nowhere", space.path("src/l"))
    assert space.good().built == {"use"}
    assert space.good().built == set()
    space.path("src/l").unlink()
    os.symlink("l", space.path("src/l"))
    assert space.good().built == {"use"}
    # A file with the text of a link is another thing.
    space.path("src/l").unlink()
    space.write("src/l", "l")
    assert space.good().built == {"use"}
    space.path("src/l").unlink()
    os.symlink("a", space.path("src/l"))
    assert space.good().built == {"use"}
    assert space.good().built == set()


@pytest.mark.parametrize("said", ["../a.txt", "$PWD/{output}/x"])
def test_a_link_that_leads_elsewhere_once_in_place_is_no_reason_to_build(space: Space, said: str):
    space.workflow(f"""
        rules:
          all: {{input: d/}}
          d: {{output: d/, shell: 'echo 1 > {{output}}/x; ln -s {said} {{output}}/l'}}
        """)
    space.write("a.txt", "a")
    assert space.good().built == {"d"}
    assert space.good().built == set()


def test_a_rebuilt_folder_with_an_unchanged_lost_link_stops_the_ripple(space: Space):
    space.workflow("""
        rules:
          use: {input: d/, output: out.txt, shell: 'ls {input} > {output}'}
          d: {input: a.txt, output: d/, shell: 'ln -s gone {output}/l'}
        """)
    space.write("a.txt", "1")
    space.good()
    space.write("a.txt", "2")
    assert space.good().built == {"d"}


def test_deps_may_name_a_folder_with_a_lost_link(space: Space):
    space.workflow("""
        rules:
          all:
            output: [out.txt, {path: out.d, deps: true}]
            shell: ls src > {output[0]}; echo src > {output[1]}
        """)
    space.write("src/a", "1")
    os.symlink("nowhere", space.path("src/l"))
    assert space.good().built == {"all"}
    assert space.good().built == set()
    space.path("src/l").unlink()
    os.symlink("l", space.path("src/l"))
    assert space.good().built == {"all"}
