"""Experiments with paired draws: variants of one replicate share them; more replicates are new."""

import pytest

from .space import Space

STEPS = """\
import random


def measure(output, variant, rng, seed):
    output.write_text(f"{rng.random()} {seed}")


def common(output, variant):
    output.write_text(f"{random.random()}")


async def later(output, variant, rng, seed):
    output.write_text(f"{rng.random()} {seed}")
"""


def workflow(space: Space, function: str = "measure", by: str = "by: [replicate]") -> None:
    space.write("steps.py", STEPS)
    space.write(
        "Workflowfile",
        "seed: 5\n"
        "wildcards:\n"
        "  variant: [control, treated]\n"
        "  replicate: {range: 16}\n"
        "rules:\n"
        "  all: {input: 'out/{variant}/{replicate}.txt'}\n"
        "  measure:\n"
        "    output: out/{variant}/{replicate}.txt\n"
        f"    run: steps:{function}\n"
        f"    seed: {{{by}}}\n",
    )


def draws(space: Space, variant: str) -> list[str]:
    return [space.read(f"out/{variant}/{k}.txt") for k in range(16)]


@pytest.mark.parametrize("function", ["measure", "common", "later"])
@pytest.mark.parametrize("executor", [(), ("--executor", "thread"), ("--executor", "auto")])
def test_variants_of_a_replicate_have_the_same_draws(
    space: Space, function: str, executor: tuple[str, ...]
) -> None:
    workflow(space, function)
    space.good("-j", "3", *executor)
    assert draws(space, "control") == draws(space, "treated")
    assert len(set(draws(space, "control"))) == 16


def test_without_it_each_job_has_its_own(space: Space) -> None:
    workflow(space)
    space.replace("Workflowfile", "    seed: {by: [replicate]}\n", "")
    space.good()
    assert len({*draws(space, "control"), *draws(space, "treated")}) == 32


def test_a_key_alone_makes_rules_share_their_draws(space: Space) -> None:
    workflow(space, by="key: trial")
    text = space.read("Workflowfile").replace("{replicate}.txt'}", "{replicate}.txt', ")
    text = text.replace("{input: 'out/", "{input: ['out/").replace(
        "', \n", "', 'more/{variant}/{replicate}.txt']}\n"
    )
    text += (
        "  more:\n"
        "    output: more/{variant}/{replicate}.txt\n"
        "    run: steps:measure\n"
        "    seed: {key: trial}\n"
    )
    space.write("Workflowfile", text)
    space.good()
    for variant in ["control", "treated"]:
        more = [space.read(f"more/{variant}/{k}.txt") for k in range(16)]
        assert more == draws(space, variant)
    assert draws(space, "control") != draws(space, "treated")
    before = draws(space, "control")
    space.replace(
        "Workflowfile", "    seed: {key: trial}\n  more", "    seed: {key: other}\n  more"
    )
    assert space.good().counts() == (32, 32, 0, 0)
    assert not set(before) & set(draws(space, "control"))


def test_more_replicates_build_exactly_the_new_ones(space: Space) -> None:
    workflow(space)
    space.good()
    before = draws(space, "control")
    space.replace("Workflowfile", "{range: 16}", "{range: 32}")
    new = {f"measure {v} {k}" for v in ["control", "treated"] for k in range(16, 32)}
    planned = space.run("-n")
    assert planned.planned == planned.certain == new
    assert space.good().built == new
    assert draws(space, "control") == before
    assert space.good().counts() == (0, 64, 0, 0)


def test_fewer_replicates_prune_nothing(space: Space) -> None:
    workflow(space)
    space.good()
    space.replace("Workflowfile", "{range: 16}", "{range: 4}")
    assert space.good().counts() == (0, 8, 0, 0)
    assert len(space.files("out")) == 32
    orphans = space.flow("clean", "--orphans", "-n")
    assert orphans.status == 0 and "out/control/4.txt" in orphans.text
    assert len(space.files("out")) == 32
    space.replace("Workflowfile", "{range: 4}", "{range: 16}")
    assert space.good().counts() == (0, 32, 0, 0)


def test_another_name_in_by_is_another_seed(space: Space) -> None:
    workflow(space)
    space.good()
    space.replace("Workflowfile", "by: [replicate]", "by: [variant]")
    assert space.good().counts() == (32, 0, 0, 0)
    assert len(set(draws(space, "control"))) == 1
    assert draws(space, "control") != draws(space, "treated")


def test_another_seed_of_the_workflow_changes_all(space: Space) -> None:
    workflow(space)
    space.good()
    before = draws(space, "control")
    assert space.good("--seed", "6").counts() == (32, 0, 0, 0)
    assert not set(before) & set(draws(space, "control"))
    assert draws(space, "control") == draws(space, "treated")


def test_where_selects_variants(space: Space) -> None:
    workflow(space)
    flow = space.good("--where", "variant=treated")
    assert flow.built == {f"measure treated {k}" for k in range(16)}
    assert space.good().built == {f"measure control {k}" for k in range(16)}


def test_an_unknown_name_is_an_error(space: Space) -> None:
    workflow(space, by="by: [replicat]")
    flow = space.flow("check")
    assert flow.status == 2
    assert "replicat" in flow.text and "Workflowfile:10" in flow.text
