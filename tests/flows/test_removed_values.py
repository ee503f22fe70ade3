"""Values that a Workflowfile does not have any more: what is said of what was made for them."""

import pytest

from .space import Space

TEXT = """\
wildcards:
  rep: {range: 4}
rules:
  all:
    input: out/{rep}.txt
  one:
    output: ["out/{rep}.txt", "out/{rep}.log"]
    shell: touch {output}
"""
OTHER = """\
  other:
    output: other.txt
    shell: touch {output}
"""
SAID = "fileflow clean --orphans"


def test_outputs_of_values_that_are_gone_are_counted_and_stay(space: Space) -> None:
    space.write("Workflowfile", TEXT)
    assert SAID not in space.good().text
    space.replace("Workflowfile", "range: 4", "range: 2")
    for args in (("-n",), (), (), ()):  # also where all is known to be fresh at once
        flow = space.flow(*args)
        assert flow.status == 0
        assert "4 earlier outputs are made by no rule any more" in flow.text
        assert flow.text.count(SAID) == 1
    assert space.exists("out/3.txt")
    assert space.flow("clean", "--orphans").status == 0
    assert space.files("out") == ["out/0.log", "out/0.txt", "out/1.log", "out/1.txt"]
    space.write("Workflowfile", TEXT.replace("range: 4", "range: 2") + "    doc: x\n")
    assert SAID not in space.flow().text


def test_nothing_is_said_of_other_rules_or_of_what_another_rule_makes(space: Space) -> None:
    space.write("Workflowfile", TEXT + OTHER)
    space.good("all", "other")
    space.replace("Workflowfile", "  one:", "  renamed:")
    assert SAID not in space.flow().text
    space.replace("Workflowfile", "range: 4", "values: [3, 2, 1, 0]")
    assert SAID not in space.flow("-n").text


@pytest.mark.parametrize("args", [("out/0.txt",), ("--where", "rep=1")])
def test_what_was_only_not_asked_for_is_no_orphan(space: Space, args: tuple[str, ...]) -> None:
    space.write("Workflowfile", TEXT)
    space.good()
    space.replace("Workflowfile", "touch {output}", "echo 2 | tee {output}")
    assert SAID not in space.flow(*args).text
