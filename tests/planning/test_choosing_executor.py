"""Which executor `auto` chooses, by what a rule's jobs take."""

import pytest

from fileflow.planning.choosing_executor import Measured, choose_executor, predicted


@pytest.mark.parametrize(
    ("seconds", "cpu", "count", "cores", "executor"),
    [
        (1.0, 1.0, 100, 1, "serial"),
        (1.0, 0.0, 100, 1, "serial"),
        (1.0, 1.0, 1, 8, "serial"),
        (1.0, 0.01, 100, 4, "thread"),
        (1.0, 1.0, 100, 4, "process"),
        (0.00005, 0.00005, 10, 8, "serial"),
        (0.5, 0.25, 100, 2, "thread"),
        (0.5, 0.4, 100, 2, "process"),
    ],
)
def test_the_simplest_one_that_is_about_as_fast_is_chosen(seconds, cpu, count, cores, executor):
    assert choose_executor(Measured(seconds, cpu), count, cores).executor == executor


def test_less_than_a_fifth_is_not_worth_another_executor():
    # 11 jobs on 10 cores take two rounds, as many as 6 cores would need.
    just_less = Measured(0.0001, 0.0001)
    assert predicted("serial", just_less, 100, 2) < 1.2 * predicted("process", just_less, 100, 2)
    assert choose_executor(just_less, 100, 2).executor == "serial"


def test_only_what_can_do_the_jobs_is_chosen():
    slow = Measured(1.0, 0.0)
    assert choose_executor(slow, 100, 4, ("process",)).executor == "process"
    assert choose_executor(slow, 100, 4, ("serial", "process")).executor == "process"


def test_a_choice_says_what_it_rests_on():
    said = choose_executor(Measured(1.0, 0.02), 100, 4).why
    assert "100 jobs of 1 s, 20 ms of it CPU, on 4 cores" in said
    assert "serial 4 × as long" in said


def test_a_choice_is_the_same_each_time_and_for_no_time_at_all():
    nothing = Measured(0.0, 0.0)
    assert choose_executor(nothing, 0, 2) == choose_executor(nothing, 0, 2)
    assert choose_executor(nothing, 0, 2).executor == "serial"
