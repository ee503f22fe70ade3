"""What the words of the command line mean, and what is said about those that mean nothing."""

from pathlib import Path

import pytest

from fileflow import __version__
from fileflow.cpus import usable_cpus
from fileflow.errors import Exit, FileflowError
from fileflow.options import COMMANDS, Options, asks_json, parse


def options(*words: str) -> Options:
    return parse(words)


def refusal(*words: str) -> str:
    with pytest.raises(FileflowError) as caught:
        options(*words)
    assert caught.value.status == Exit.WRONG
    text = str(caught.value)
    assert len(text.splitlines()) <= 2
    return text


def test_without_words_the_default_target_is_run_on_all_usable_cores():
    made = options()
    assert (made.command, made.targets, made.jobs) == ("run", (), usable_cpus())
    assert not (made.rerun or made.dry_run or made.keep_going)
    assert (made.progress, made.color, made.durability) == ("auto", "auto", "none")


def test_the_first_word_is_a_command_only_if_it_is_one():
    assert options("status", "tidy").command == "status"
    assert options("status", "tidy").targets == ("tidy",)
    assert options("tidy", "status").command == "run"
    assert options("tidy", "status").targets == ("tidy", "status")
    assert options("run", "status").targets == ("status",)
    assert options("--", "status").targets == ("status",)


def test_options_stand_before_between_and_after_the_words():
    made = options("-C", "there", "a.txt", "-k", "b.txt", "-j", "3")
    assert made.targets == ("a.txt", "b.txt")
    assert (made.directory, made.keep_going, made.jobs) == ("there", True, 3)
    assert options("-W", "f.yaml", "status").command == "status"


def test_two_dashes_end_the_options():
    assert options("-k", "--", "-x", "--", "a").targets == ("-x", "--", "a")


def test_short_options_can_be_bundled_and_carry_their_value():
    made = options("-kvj4")
    assert (made.keep_going, made.verbose, made.jobs) == (True, True, 4)
    assert options("-j=2").jobs == options("-j2").jobs == options("--jobs=2").jobs == 2


def test_a_repeated_option_adds_to_what_was_given():
    made = options("--config", "a=1", "--config", "b.yaml", "-f", "x", "--force=y", "--tag", "t")
    assert made.config == ("a=1", "b.yaml")
    assert made.force == ("x", "y")
    assert made.tags == ("t",)
    made = options("--until", "a", "target", "--until", "b", "--omit", "c", "--resources", "api=2")
    assert (made.until, made.omit, made.resources) == (("a", "b"), ("c",), ("api=2",))
    assert made.targets == ("target",)


def test_where_takes_a_name_and_its_values():
    made = options("--where", "site=a,b", "--where", "day=1")
    assert made.where == (("site", ("a", "b")), ("day", ("1",)))
    assert options("--where", "x=a=b").where == (("x", ("a=b",)),)
    assert "NAME=VALUE" in refusal("--where", "site")


def test_of_contradicting_options_the_last_one_wins():
    assert options("--rerun", "--resume").rerun is False
    assert options("--resume", "-B").rerun is True
    assert options("-B", "--mode", "resume").rerun is False
    assert options("--mode=rerun").rerun is True
    assert (options("-q", "-v").quiet, options("-q", "-v").verbose) == (False, True)
    assert options("--seed", "1", "--seed", "-2").seed == -2


def test_a_limit_on_failures_means_to_keep_going():
    made = options("--max-failures", "3")
    assert (made.max_failures, made.keep_going) == (3, True)


@pytest.mark.parametrize(
    "words",
    [
        ["-j", "0"],
        ["-j", "x"],
        ["-j", "-1"],
        ["-j", "٣"],
        ["-j", "9" * 5000],
        ["--retries", "-1"],
        ["--max-failures", "0"],
        ["--seed", "1.5"],
    ],
)
def test_a_wrong_number_is_named_with_its_option(words):
    text = refusal(*words)
    assert words[0] in text and "whole number" in text and words[1] in text
    assert ("of at most 18 digits" in text) == (len(words[1]) > 18)


def test_a_seed_may_be_as_large_as_in_the_file():
    assert options("--seed", "9" * 20).seed == 10**20 - 1


def test_a_wrong_choice_is_refused_with_the_nearest_one():
    assert "'plain'" in refusal("--progress", "plian")
    assert "none, batch or strict" in refusal("--durability", "full")
    assert "resume or rerun" in refusal("--mode", "x")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("--dryrun", "--dry-run"),
        ("--keepgoing", "--keep-going"),
        ("--reru", "--rerun"),
        ("-rerun", "--rerun"),
        ("--n", "-n"),
        ("--cores", "--jobs"),
        ("--forcerun", "--force"),
        ("-s", "-W"),
        ("--max", "--max-failures"),
        ("--max=3", "--max-failures"),
        ("-c4", "-j"),
        ("-S", "--config"),
    ],
)
def test_an_unknown_option_is_refused_with_the_one_that_is_meant(word, near):
    text = refusal(word)
    assert "unknown option" in text and f"did you mean {near}?" in text


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("--unlock", "nothing to unlock"),
        ("--touch", "fileflow adopt"),
        ("-t", "fileflow adopt"),
        ("--delete-all-output", "clean --all"),
        ("--batch=a=1/2", "--where"),
        ("--use-conda", "prefix"),
        ("-profile", "--config"),
    ],
)
def test_an_option_of_another_system_is_refused_with_what_does_it_here(word, cure):
    text = refusal(word)
    assert "unknown option" in text and cure in text


def test_an_option_like_no_other_points_to_the_help():
    assert "--help" in refusal("--zzzzzz")
    assert "--help" in refusal("-kZ")


def test_a_forgotten_value_is_noticed():
    assert "--until needs a value" in refusal("--until")
    assert "--until needs a value" in refusal("--until", "-k")
    assert "-f needs a value" in refusal("-f", "--", "x")
    assert "not empty" in refusal("--config=")
    assert "takes no value" in refusal("--rerun=yes")
    assert "empty" in refusal("")


def test_an_option_that_would_narrow_a_command_is_not_passed_over():
    assert "`fileflow clean` takes no --where" in refusal("clean", "--all", "--where", "a=b")
    assert "`fileflow clean` takes no --omit" in refusal("--omit", "x", "clean", "--all")
    assert "`fileflow list` takes no --tag" in refusal("list", "--tag", "x")
    assert "`fileflow why` takes no --where" in refusal("why", "x", "--where", "a=b")
    assert "`fileflow adopt` takes no --force" in refusal("adopt", "x", "--force", "y")
    assert "takes no -n" in refusal("adopt", "-n")
    for words in (["-j4"], ["--rerun"], ["-W", "x"], ["--config", "a=1"], ["-k"]):
        assert f"`fileflow init` takes no {words[0][:2]}" in refusal("init", *words)
        assert f"`fileflow schema` takes no {words[0][:2]}" in refusal(*words, "schema")
    elsewhere = parse(["init", "-C", "there"])
    assert elsewhere.directory == "there"
    assert "`fileflow run` takes no --all" in refusal("--all")
    assert options("status", "--where", "a=b").where == (("a", ("b",)),)


def test_commands_ask_for_the_words_that_they_need():
    assert "needs a target" in refusal("why")
    assert "needs a target" in refusal("log")
    assert "takes no target" in refusal("check", "tidy")
    assert "one of" in refusal("clean")
    assert "one of" in refusal("clean", "tidy", "--all")
    made = options("clean", "-n", "--orphans")
    assert (made.dry_run, made.orphans, made.all) == (True, True, False)


def test_jobs_of_a_graph_are_no_number_of_cores():
    made = options("graph", "--jobs", "--format", "svg")
    assert (made.graph_jobs, made.graph_format) == (True, "svg")
    assert options("graph", "-j", "2").graph_jobs is False


def test_progress_is_taken_by_every_command():
    for command in ("status", "list", "check", "adopt", "schema"):
        assert options(command, "--progress", "json").progress == "json"


def test_help_and_version_are_answers():
    assert options("--version").answer == f"fileflow {__version__}"
    text = options("-h").answer
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "--where NAME=V[,V]" in text and "--orphans" not in text
    assert options("x", "--help").answer == text


def test_help_of_a_command_shows_its_own_options():
    text = options("clean", "--help").answer
    assert text.startswith("fileflow clean")
    assert "--orphans" in text and "--until" not in text
    assert "--format" in options("graph", "-h").answer
    assert "--keep-going" in options("run", "-h").answer


def test_a_status_prints_as_its_number():
    assert (str(Exit.WRONG), f"{Exit.WRONG}", f"{Exit.STATE:02}") == ("2", "2", "03")


def test_json_is_known_even_where_the_words_are_wrong():
    assert asks_json(["--bogus", "--progress", "json"])
    assert asks_json(["--progress=json", "-j", "x"])
    assert not asks_json(["--progress", "json", "--progress=plain"])
    assert not asks_json(["--", "--progress", "json"])
    assert not asks_json(["--progress"])


# -- how many cores ------------------------------------------------------------------------------


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)


def system(root: Path, cgroup: str, files: dict[str, str]) -> str:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_cores_are_those_of_the_affinity_where_no_quota_is_set(tmp_path, sixteen):
    assert usable_cpus(str(tmp_path)) == 16
    files = {"sys/fs/cgroup/a/cpu.max": "max 100000\n"}
    assert usable_cpus(system(tmp_path, "0::/a\n", files)) == 16


def test_the_smallest_quota_on_the_way_up_counts(tmp_path, sixteen):
    files = {
        "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "sys/fs/cgroup/a/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/cpu.max": "800000 100000\n",
    }
    assert usable_cpus(system(tmp_path, "0::/a/b\n", files)) == 3


def test_a_quota_of_the_first_version_counts(tmp_path, sixteen):
    folder = "sys/fs/cgroup/cpu,cpuacct/docker"
    files = {f"{folder}/cpu.cfs_quota_us": "200000\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    cgroup = "12:memory:/docker\n4:cpu,cpuacct:/docker/x\n"
    assert usable_cpus(system(tmp_path, cgroup, files)) == 2
    (tmp_path / f"{folder}/cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cpus(str(tmp_path)) == 16


def test_there_is_always_one_core(tmp_path, sixteen):
    files = {"sys/fs/cgroup/cpu.max": "1000 100000\n"}
    assert usable_cpus(system(tmp_path, "0::/\n", files)) == 1
