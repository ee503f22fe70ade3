"""The table of changes: the exact set of jobs that one change builds, foretold by `-n`.

Each test runs three times: with `shell`, with `argv` and with `run` actions.
"""

import os
import shutil
import time

import pytest

from .table import ACTIONS, EVERY, HEAD, TOTAL, UPPERS, expect


def test_nothing_changed_builds_nothing_and_counts_all_as_kept(project):
    expect(project)
    assert project.good().counts() == (0, 3, 0, 0)


def test_a_dry_run_before_the_first_run_makes_no_state(space):
    space.write("Workflowfile", HEAD + ACTIONS["shell"][0] + TOTAL + ACTIONS["shell"][1])
    space.write("in/a.txt", "a\n")
    dry = space.good("-n")
    assert dry.planned == {"upper a", "total"}
    assert space.files() == ["Workflowfile", "in/a.txt"]
    assert not space.exists(".fileflow")


def test_a_deleted_output_that_is_asked_for_is_built(project):
    project.delete("out/total.txt")
    expect(project, ran={"total"})


def test_a_deleted_intermediate_is_absent_and_not_needed(project):
    project.delete("build/a.txt")
    expect(project)
    assert not project.exists("build/a.txt")


def test_a_deleted_intermediate_is_built_when_it_is_asked_for(project):
    project.delete("build/a.txt")
    expect(project, "build/a.txt", ran={"upper a"})


def test_a_deleted_intermediate_is_built_when_its_rule_is_asked_for(project):
    project.delete("build/a.txt")
    expect(project, "upper", ran={"upper a"})


def test_a_deleted_intermediate_is_built_when_its_consumer_must_run(project):
    project.delete("build/a.txt")
    project.delete("out/total.txt")
    expect(project, ran={"upper a", "total"})


def test_an_absent_intermediate_is_built_with_a_changed_neighbour(project):
    project.delete("build/a.txt")
    project.write("in/b.txt", "b two\n")
    expect(project, ran=EVERY, certain={"upper b"})


def test_an_absent_intermediate_stays_absent_if_the_neighbour_comes_out_the_same(project):
    project.delete("build/a.txt")
    project.write("in/b.txt", "B one\n")
    expect(project, ran={"upper b"}, spared={"upper a", "total"})
    assert not project.exists("build/a.txt")


def test_a_touched_file_builds_nothing(project):
    for name in ["in/a.txt", "build/b.txt", "out/total.txt", "Workflowfile"]:
        os.utime(project.path(name))
    expect(project)


def test_a_changed_source_builds_what_follows_from_it(project):
    project.write("in/a.txt", "a two, and longer\n")
    expect(project, ran={"upper a", "total"}, certain={"upper a"})
    assert project.read("out/total.txt") == "A TWO, AND LONGER\n1\nB ONE\n1\n"


def test_an_edit_of_the_same_size_with_the_old_time_put_back_is_seen(project):
    project.edit_same_size("in/a.txt", "a two\n")
    expect(project, ran={"upper a", "total"}, certain={"upper a"})
    assert project.read("out/total.txt") == "A TWO\n1\nB ONE\n1\n"


def test_upstream_that_comes_out_the_same_stops_the_ripple(project):
    project.write("in/a.txt", "A one\n")
    expect(project, ran={"upper a"}, spared={"total"})


def test_a_source_replaced_by_a_file_with_an_older_time_is_seen(project):
    project.write("old", "a two\n")
    os.utime(project.path("old"), (1_000_000_000, 1_000_000_000))
    os.replace(project.path("old"), project.path("in/a.txt"))
    expect(project, ran={"upper a", "total"}, certain={"upper a"})


def test_a_source_in_the_future_is_built_once(project):
    project.write("in/a.txt", "a two\n")
    os.utime(project.path("in/a.txt"), (4_000_000_000, 4_000_000_000))
    expect(project, ran={"upper a", "total"}, certain={"upper a"})


def test_a_source_put_back_before_any_run_builds_nothing(project):
    project.write("in/a.txt", "a two\n")
    project.write("in/a.txt", "a one\n")
    expect(project)


def test_a_changed_param_builds_the_jobs_of_its_rule(project):
    project.replace("Workflowfile", "{x: 1, y: 2}", "{x: 1, y: 3}")
    expect(project, ran=UPPERS, spared={"total"})


def test_the_order_of_the_keys_of_params_is_no_reason(project):
    text = project.read("Workflowfile")
    first = '      first: "{config.used}"\n'
    text = text.replace(first, "").replace(
        "      more: {x: 1, y: 2}\n", "      more: {y: 2, x: 1}\n" + first
    )
    project.write("Workflowfile", text)
    expect(project)


def test_a_config_value_that_a_rule_names_counts_for_that_rule(project):
    project.replace("Workflowfile", "  used: 1\n", "  used: 2\n")
    expect(project, ran=EVERY, certain=UPPERS)


def test_a_config_value_on_the_command_line_counts_like_one_in_the_file(project):
    expect(project, "--config", "used=2", ran=EVERY, certain=UPPERS)
    expect(project, ran=EVERY, certain=UPPERS)


def test_a_config_value_that_no_rule_names_is_no_reason(project):
    project.replace("Workflowfile", "unused: 1", "unused: 2")
    expect(project)


def test_the_seed_counts_for_functions_and_not_for_commands_that_do_not_mention_it(project, kind):
    project.replace("Workflowfile", "seed: 1", "seed: 2")
    expect(project, ran=EVERY if kind == "run" else ())


def test_the_seed_on_the_command_line_is_the_same_change(project, kind):
    expect(project, "--seed", "2", ran=EVERY if kind == "run" else ())


def test_the_seed_is_no_reason_for_a_rule_that_draws_nothing(project):
    project.replace("Workflowfile", "  upper:\n", "  upper:\n    seed: false\n")
    project.replace("Workflowfile", "  total:\n", "  total:\n    seed: false\n")
    project.good()
    project.replace("Workflowfile", "seed: 1\n", "seed: 2\n")
    expect(project)


def test_the_seed_counts_for_a_rule_that_says_so(project, kind):
    project.replace("Workflowfile", "  upper:\n", "  upper:\n    seed: true\n")
    project.good()
    project.replace("Workflowfile", "seed: 1\n", "seed: 2\n")
    if kind == "run":
        expect(project, ran=EVERY)
    else:
        expect(project, ran=UPPERS, spared={"total"})


def test_a_new_member_of_a_gather_is_built_and_gathered(project):
    project.write("in/c.txt", "c one\n")
    expect(project, ran={"upper c", "total"})
    assert project.read("out/total.txt") == "A ONE\n1\nB ONE\n1\nC ONE\n1\n"


def test_a_member_that_is_gone_is_gathered_no_more(project):
    project.delete("in/b.txt")
    expect(project, ran={"total"})
    assert project.read("out/total.txt") == "A ONE\n1\n"


def test_a_renamed_rule_is_the_same_rule(project):
    project.replace("Workflowfile", "  upper:\n", "  capitals:\n")
    expect(project)


def test_a_moved_folder_is_the_same_folder(project):
    project.move("elsewhere")
    expect(project)


def test_a_copied_folder_is_fresh_too(project):
    there = project.root.parent / "copy"
    shutil.copytree(project.root, there, copy_function=shutil.copyfile)
    project.root = there
    expect(project)


def test_an_output_overwritten_by_hand_is_built_again(project):
    project.write("out/total.txt", "by hand\n")
    expect(project, ran={"total"})
    assert project.read("out/total.txt") == "A ONE\n1\nB ONE\n1\n"


def test_an_output_overwritten_in_the_same_size_and_time_is_built_again(project):
    project.edit_same_size("out/total.txt", "X ONE\n1\nB ONE\n1\n")
    expect(project, ran={"total"})


def test_an_intermediate_overwritten_by_hand_is_built_again_and_stops_there(project):
    project.write("build/a.txt", "by hand\n")
    before = project.snapshot()
    dry = project.good("-n")
    assert project.snapshot() == before
    assert "upper a" in dry.certain
    assert dry.planned <= {"upper a", "total"}
    flow = project.good()
    assert project.ran == ["upper a"] and flow.built == {"upper a"}
    assert project.read("build/a.txt") == "A ONE\n1\n"


def test_a_failed_job_is_tried_again_and_what_was_made_before_stays(project):
    project.write("in/a.txt", "bad\n")
    for _ in range(2):
        before = project.snapshot()
        dry = project.good("-n")
        assert project.snapshot() == before
        assert (dry.planned, dry.certain) == ({"upper a", "total"}, {"upper a"})
        flow = project.run()
        assert flow.status == 1
        assert project.ran == ["upper a"]
        assert flow.counts() == (0, 1, 1, 1)
        assert project.read("build/a.txt") == "A ONE\n1\n"
        assert project.read("out/total.txt") == "A ONE\n1\nB ONE\n1\n"
    project.write("in/a.txt", "good\n")
    expect(project, ran={"upper a", "total"}, certain={"upper a"})


def test_comments_and_blank_lines_of_the_workflowfile_are_no_reason(project):
    project.replace("Workflowfile", "# a workflow\n", "# another comment\n\n\n")
    project.replace("Workflowfile", "    doc: Put one file into capitals.\n", "\n    # nothing\n")
    expect(project)


@pytest.mark.parametrize(
    "line",
    [
        "doc: Gathers.",
        "tags: [late]",
        "retries: 2",
        "timeout: 1m",
        "priority: 5",
        "prefer: 3",
        "cores: 2",
        "resources: {mem_mb: 1}",
        "when: {used: 1}",
    ],
)
def test_what_only_says_how_a_job_is_run_is_no_reason(project, line):
    project.replace("Workflowfile", "  total:\n", f"  total:\n    {line}\n")
    expect(project)


def test_protected_is_no_reason(project):
    project.replace(
        "Workflowfile",
        "    output: out/total.txt\n",
        "    output: {path: out/total.txt, protected: true}\n",
    )
    expect(project)


@pytest.mark.parametrize("options", [("-j", "1"), ("-j", "4"), ("--executor", "serial")])
def test_how_many_jobs_run_at_once_is_no_reason(project, options):
    expect(project, *options)


def test_an_environment_variable_of_the_rule_is_part_of_the_action(project):
    project.replace("Workflowfile", "  total:\n", "  total:\n    env: {A: one, B: two}\n")
    expect(project, ran={"total"})
    project.replace("Workflowfile", "{A: one, B: two}", "{B: two, A: one}")
    expect(project)
    project.replace("Workflowfile", "{B: two, A: one}", "{B: two, A: three}")
    expect(project, ran={"total"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[common, "data/{n}"]', '["data/{n}", common]'),
        ('{a: common, b: "data/{n}"}', '{a: "data/{n}", b: common}'),
        ('["all/{n}-{k}", "data/{k}"]', '["data/{k}", "all/{n}-{k}"]'),
    ],
)
def test_the_order_of_inputs_counts_also_for_many_jobs(space, before, after):
    space.write("common", "c")
    for number in range(40):
        space.write(f"data/{number}", f"{number}")
        for k in (1, 2):
            space.write(f"all/{number}-{k}", f"{number}{k}")
    text = """
        wildcards: {n: {range: 40}, k: [1, 2]}
        rules:
          all: {input: "build/{n}"}
          one: {input: INPUT, output: "build/{n}", shell: "cat {input} > {output}"}
    """
    space.workflow(text.replace("INPUT", before))
    for _ in range(3):  # what proves that many are fresh is written down in the end
        assert space.flow().status == 0
        time.sleep(0.05)
    made = space.read("build/7")
    space.workflow(text.replace("INPUT", after))
    assert space.good().counts() == (40, 0, 0, 0)
    assert space.read("build/7") != made
    assert space.good().counts() == (0, 40, 0, 0)
