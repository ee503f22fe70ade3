from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.model.work import Work
from fileflow.world.files import file_digest, signature
from fileflow.world.staging import Shape, Stage, now_ns, remove, remove_run, staged_name
from fileflow.world.survivors import end_survivors


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.chdir(tmp_path)
    return Stage("run", 0)


def shape(count: int = 1, **said: object) -> Shape:
    return Shape.of(Work(key=1, rule="r", kind="run", **said), count)  # type: ignore[arg-type]


def publish(stage: Stage, form: Shape, outputs: list[str], staged: list[str]) -> list[bytes]:
    found = stage.inspect(form, outputs, staged, 0)
    assert not isinstance(found, str), found
    return [content for _, content in stage.publish(form, outputs, staged, found)]


def test_outputs_keep_their_relative_paths_below_the_stage(stage: Stage) -> None:
    staged = stage.prepare(shape(2), ["build/a/x.csv", "build/y.csv"])
    assert staged == [f"{stage.folder}/build/a/x.csv", f"{stage.folder}/build/y.csv"]
    assert Path(f"{stage.folder}/build/a").is_dir()


def test_paths_outside_the_folder_lie_below_reserved_names() -> None:
    assert staged_name("../../x/y") == ".up/.up/x/y"
    assert staged_name("/data/x") == ".root/data/x"
    assert staged_name("build/tree/") == "build/tree"


def test_a_published_output_is_whole_and_has_its_signature_after_the_move(stage: Stage) -> None:
    form = shape()
    (path,) = stage.prepare(form, ["build/x"])
    Path(path).write_text("made")
    found = stage.inspect(form, ["build/x"], [path], 0)
    assert not isinstance(found, str)
    ((sign, content),) = stage.publish(form, ["build/x"], [path], found)
    assert Path("build/x").read_text() == "made"
    assert sign == signature("build/x")
    assert content == file_digest("build/x")
    assert stage.settle() == []


@pytest.mark.parametrize("output", ["build/x", "build/x/"])
@pytest.mark.parametrize("by", ["replacing it", "writing it on"])
def test_what_something_else_has_put_in_the_place_of_an_output_is_not_taken_for_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, output: str, by: str
) -> None:
    form = shape(directories=(output.endswith("/"),))
    os.mkdir("build")
    (path,) = stage.prepare(form, [output])
    name = "" if output == "build/x" else "/in"
    Path(path + name).write_text("made")
    found = stage.inspect(form, [output], [path], 0)
    assert not isinstance(found, str)
    replace = os.replace

    def disturbed(staged: str, final: str) -> None:
        replace(staged, final)
        if by == "replacing it":
            Path("foreign").write_text("else")
            replace("foreign", final + name)
        else:
            Path(final + name).write_text("made, and more")

    monkeypatch.setattr(os, "replace", disturbed)
    with pytest.raises(OSError, match="written by something else"):
        stage.publish(form, [output], [path], found)


def test_an_output_whose_times_were_set_anew_is_still_what_was_made(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = shape()
    (path,) = stage.prepare(form, ["x"])
    Path(path).write_text("made")
    found = stage.inspect(form, ["x"], [path], 0)
    assert not isinstance(found, str)
    os.utime(path, (5, 5))
    assert stage.publish(form, ["x"], [path], found) == [(signature("x"), file_digest("x"))]


def test_all_missing_outputs_are_named(stage: Stage) -> None:
    form = shape(3)
    outputs = ["a", "b", "c"]
    staged = stage.prepare(form, outputs)
    Path(staged[1]).write_text("")
    assert stage.inspect(form, outputs, staged, 0) == "the action did not make a, c"


def test_a_missing_output_that_was_written_under_its_final_name_is_said_to_be(
    stage: Stage,
) -> None:
    form = shape(2)
    Path("old").write_text("from before")
    os.utime("old", (1, 1))
    since = now_ns() + 10**9
    staged = stage.prepare(form, ["x", "old"])
    Path("x").write_text("not staged")
    os.utime("x", ns=(since, since + 1))
    told = stage.inspect(form, ["x", "old"], staged, since)
    assert isinstance(told, str)
    assert "x was written under its final name" in told
    assert "old was written" not in told


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (
            lambda path: os.symlink("elsewhere", path),
            "a link: copy what it leads to (cp, or `ln` without -s)",
        ),
        (os.mkfifo, "a FIFO"),
        (os.mkdir, "a directory: for a folder write x/ in the rule"),
    ],
)
def test_an_output_of_another_kind_is_no_output(stage: Stage, make: object, kind: str) -> None:
    form = shape()
    (path,) = stage.prepare(form, ["x"])
    make(path)  # type: ignore[operator]
    told = stage.inspect(form, ["x"], [path], 0)
    assert told == f"x should be a regular file and is {kind}"


def test_a_file_is_no_directory_output(stage: Stage) -> None:
    form = shape(directories=(True,))
    (path,) = stage.prepare(form, ["tree"])
    os.rmdir(path)
    Path(path).write_text("")
    told = stage.inspect(form, ["tree"], [path], 0)
    assert told == "tree should be a directory and is a regular file"


def test_what_ensure_demands_is_checked(stage: Stage) -> None:
    empty = shape(ensure=((True, None),))
    (path,) = stage.prepare(empty, ["x"])
    Path(path).write_text("")
    assert stage.inspect(empty, ["x"], [path], 0) == "x is empty"
    exact = shape(ensure=((False, "00"),))
    Path(path).write_text("text")
    told = stage.inspect(exact, ["x"], [path], 0)
    assert isinstance(told, str)
    assert told.startswith("x has the sha256 982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a8")


def test_a_directory_output_is_there_and_empty_and_replaces_the_old_one_whole(
    stage: Stage,
) -> None:
    form = shape(directories=(True,))
    for content in ("first", "second"):
        (path,) = stage.prepare(form, ["build/tree/"])
        assert os.listdir(path) == []
        Path(path, content).write_text(content)
        publish(stage, form, ["build/tree/"], [path])
        assert stage.settle() == []
        assert os.listdir("build/tree") == [content]
    assert os.listdir("build") == ["tree"]


def test_a_link_in_an_outputs_place_gives_way_and_its_target_is_untouched(stage: Stage) -> None:
    Path("precious").write_text("precious")
    Path("folder").mkdir()
    Path("folder/kept").write_text("kept")
    os.symlink("precious", "x")
    os.symlink("folder", "tree")
    form = shape(2, directories=(False, True))
    staged = stage.prepare(form, ["x", "tree"])
    Path(staged[0]).write_text("new")
    Path(staged[1], "n").write_text("new")
    publish(stage, form, ["x", "tree"], staged)
    assert not os.path.islink("x") and not os.path.islink("tree")
    assert Path("precious").read_text() == "precious"
    assert os.listdir("folder") == ["kept"]
    assert os.listdir("tree") == ["n"]


def test_a_folder_in_an_outputs_place_gives_way(stage: Stage) -> None:
    os.makedirs("x/deep")
    form = shape()
    (path,) = stage.prepare(form, ["x"])
    Path(path).write_text("file")
    publish(stage, form, ["x"], [path])
    assert Path("x").read_text() == "file"
    assert stage.settle() == []


def test_protected_outputs_are_read_only_and_can_still_be_replaced(stage: Stage) -> None:
    form = shape(2, protected=(True, True), directories=(False, True))
    for content in ("first", "second"):
        staged = stage.prepare(form, ["x", "tree"])
        Path(staged[0]).write_text(content)
        Path(staged[1], "n").write_text(content)
        publish(stage, form, ["x", "tree"], staged)
        stage.settle()
        assert Path("x").read_text() == Path("tree/n").read_text() == content
        assert stat.S_IMODE(os.stat("x").st_mode) & 0o222 == 0
        assert stat.S_IMODE(os.stat("tree/n").st_mode) & 0o222 == 0
    remove("tree")


def test_leftovers_are_named_and_gone_before_the_next_job(stage: Stage) -> None:
    form = shape()
    for leftover in ("build/x.idx", "build/more/deep", "top", "build/x.log"):
        (path,) = stage.prepare(form, ["build/x"])
        Path(path).write_text("")
        other = Path(stage.folder, leftover)
        other.parent.mkdir(exist_ok=True)
        other.write_text("left")
        publish(stage, form, ["build/x"], [path])
        assert stage.settle() == [leftover if "deep" not in leftover else "build/more/"]
        stage.prepare(form, ["build/x"])
        assert not other.exists()
        assert Path(stage.folder, "build").is_dir()


def test_a_stage_that_the_job_removed_is_made_again(stage: Stage) -> None:
    form = shape()
    (path,) = stage.prepare(form, ["build/x"])
    Path(path).write_text("")
    publish(stage, form, ["build/x"], [path])
    remove(stage.folder)
    stage.settle()
    (path,) = stage.prepare(form, ["build/x"])
    Path(path).write_text("again")


def test_files_that_come_with_a_job_are_there_and_leave_no_trace(stage: Stage) -> None:
    form = shape()
    (path,) = stage.prepare(form, ["x"], [(".files/list", "a\nb\n")])
    assert Path(stage.folder, ".files/list").read_text() == "a\nb\n"
    Path(path).write_text("")
    publish(stage, form, ["x"], [path])
    assert stage.settle() == []
    stage.prepare(form, ["x"])
    assert not Path(stage.folder, ".files").exists()


def test_an_in_place_output_is_made_under_its_own_name_and_removed_before(stage: Stage) -> None:
    os.makedirs("env/bin")
    form = shape(directories=(True,), in_place=(True,))
    assert stage.prepare(form, ["env/"]) == ["env"]
    assert os.listdir("env") == []
    Path("env/half").write_text("half made")
    keep = shape(directories=(True,), in_place=(True,), keep=(True,))
    stage.prepare(keep, ["env/"])
    assert os.listdir("env") == ["half"]
    publish(stage, keep, ["env/"], ["env"])


@pytest.fixture
def other(stage: Stage) -> Iterator[Path]:
    """A folder on another file system."""
    folder = Path(f"/dev/shm/fileflow-test-{os.getpid()}")
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(".").st_dev:
        pytest.skip("one file system")
    folder.mkdir()
    yield folder
    remove(str(folder))


def test_an_output_on_another_file_system_is_staged_beside_it(stage: Stage, other: Path) -> None:
    form = shape(2)
    outputs = [f"{other}/deep/x", "here"]
    staged = stage.prepare(form, outputs)
    for path in staged:
        Path(path).write_text("made")
    assert os.stat(staged[0]).st_dev == os.stat(other).st_dev
    publish(stage, form, outputs, staged)
    assert stage.settle() == []
    assert Path(outputs[0]).read_text() == "made"
    hidden = [name for name in os.listdir(other) if name.startswith(".")]
    assert len(hidden) == 1
    end_survivors(".fileflow")
    assert os.listdir(other) == ["deep"]
    assert os.listdir(".fileflow/stage") == []


def test_folders_on_another_file_system_change_from_job_to_job(stage: Stage, other: Path) -> None:
    form = shape(2)
    for names in (("a", "b"), ("b", "c"), ("c", "a")):
        outputs = [f"{other}/new/{name}/x" for name in names]
        staged = stage.prepare(form, outputs)
        for path, name in zip(staged, names, strict=True):
            Path(path).write_text(name)
        publish(stage, form, outputs, staged)
        assert stage.settle() == []
        assert [Path(path).read_text() for path in outputs] == list(names)
        remove(f"{other}/new")


def test_of_a_list_that_is_torn_only_whole_names_are_removed(stage: Stage, other: Path) -> None:
    (other / "hidden").mkdir()
    (other / "hid").mkdir()
    run = os.path.dirname(stage.folder)
    Path(run, "foreign").write_bytes(f"{other}/hidden\0{other}/hid".encode())
    assert remove_run(run)
    assert os.listdir(other) == ["hid"]
    assert not os.path.exists(run)
