from __future__ import annotations

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from fileflow.errors import Exit, FileflowError
from fileflow.world.journal import HEADER, Journal, encode, header, read_frames

Plain = tuple[int, bytes, bytes]
FRAMES: list[Plain] = [
    (65 + k % 5, b'{"n":%d}' % k, random.Random(k).randbytes(k % 40)) for k in range(100)
]
ENDS = [len(HEADER)]
for _frame in FRAMES:
    ENDS.append(ENDS[-1] + len(encode(*_frame)))
WHOLE = HEADER + b"".join(encode(*frame) for frame in FRAMES)


def folder_with(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "journal").write_bytes(data)
    return str(tmp_path)


def plain(journal: Journal) -> list[Plain]:
    data = bytes(journal.data)
    return [
        (frame.kind, data[frame.head : frame.body], data[frame.body : frame.end])
        for frame in journal.reading.frames
    ]


def read(folder: str) -> list[Plain]:
    journal = Journal(folder, writable=False)
    journal.close()
    return plain(journal)


def is_part_of_what_was_written(found: list[Plain]) -> bool:
    rest = iter(FRAMES)
    return all(frame in rest for frame in found)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), writable=True)
    places = [journal.append(*frame) for frame in FRAMES]
    journal.close()

    again = Journal(str(tmp_path), writable=False)
    assert plain(again) == FRAMES
    assert again.reading.frames == places
    assert again.data == journal.data == (tmp_path / "journal").read_bytes()
    assert (again.reading.damaged, again.reading.torn, again.unknown) == (0, False, "")


def test_a_person_can_read_the_first_line(tmp_path: Path) -> None:
    Journal(str(tmp_path), writable=True).append(65, b"{}")
    assert (tmp_path / "journal").read_bytes().startswith(b"fileflow journal, format 1 (")


def test_a_folder_or_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read(str(tmp_path)) == read(str(tmp_path / "nowhere")) == []
    assert list(tmp_path.iterdir()) == []


def test_cut_at_any_byte_it_gives_the_frames_before_the_cut(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, WHOLE)
    for size in reversed(range(len(WHOLE))):
        os.truncate(tmp_path / "journal", size)
        journal = Journal(folder, writable=False)
        journal.close()
        whole = sum(end <= size for end in ENDS[1:])
        assert plain(journal) == FRAMES[:whole]
        assert journal.reading.damaged == 0
        assert journal.reading.torn == (size not in ENDS and size > 0)


def test_a_flipped_bit_costs_at_most_the_frame_that_it_hits(tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(1000):
        data = bytearray(WHOLE)
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        found = read(folder_with(tmp_path, bytes(data)))
        assert is_part_of_what_was_written(found)
        assert len(found) == (99 if place >= len(HEADER) else 0)


def test_many_flipped_bits_never_give_a_changed_frame() -> None:
    chance = random.Random(2)
    for _ in range(300):
        data = bytearray(WHOLE)
        for _ in range(20):
            data[chance.randrange(len(HEADER), len(data))] ^= 1 << chance.randrange(8)
        reading = read_frames(data)
        found = [
            (f.kind, bytes(data[f.head : f.body]), bytes(data[f.body : f.end]))
            for f in reading.frames
        ]
        assert is_part_of_what_was_written(found)
        assert 80 <= len(found) < 100
        assert 1 <= reading.damaged + reading.torn <= 20


def test_a_zeroed_block_costs_only_the_frames_in_it(tmp_path: Path) -> None:
    for start in range(len(HEADER), len(WHOLE) - 512, 97):
        data = WHOLE[:start] + bytes(512) + WHOLE[start + 512 :]
        found = read(folder_with(tmp_path, data))
        assert is_part_of_what_was_written(found)
        hit = sum(a < start + 512 and b > start for a, b in pairwise(ENDS))
        assert len(found) == 100 - hit


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 100, random.Random(3).randbytes(5000)])
def test_a_tail_of_rubbish_is_counted_and_cut_off_before_the_first_append(
    tmp_path: Path, tail: bytes
) -> None:
    folder = folder_with(tmp_path, WHOLE + tail)
    journal = Journal(folder, writable=True)
    assert (plain(journal), journal.reading.damaged) == (FRAMES, 1)
    journal.append(90, b"{}", b"new")
    assert (tmp_path / "journal").read_bytes() == WHOLE + encode(90, b"{}", b"new")


def test_after_a_cut_at_any_byte_an_append_makes_it_whole(tmp_path: Path) -> None:
    for size in range(ENDS[12]):
        folder = folder_with(tmp_path, WHOLE[:size])
        journal = Journal(folder, writable=True)
        journal.append(90, b"{}", b"new")
        journal.close()
        again = Journal(folder, writable=False)
        again.close()
        assert plain(again) == [
            *FRAMES[: sum(end <= size for end in ENDS[1:])],
            (90, b"{}", b"new"),
        ]
        assert (again.reading.damaged, again.reading.torn, again.unknown) == (0, False, "")


@pytest.mark.parametrize(
    "data", [b"garbage", bytes(10_000), b"\n", header(0) + WHOLE, b"x" + WHOLE, HEADER[:-1] + b" "]
)
def test_what_is_no_journal_of_this_format_is_put_aside_at_the_first_write(
    tmp_path: Path, data: bytes
) -> None:
    folder = folder_with(tmp_path, data)
    for count in (1, 2):
        (tmp_path / "journal").write_bytes(data)
        journal = Journal(folder, writable=True)
        assert plain(journal) == []
        assert journal.unknown
        assert (tmp_path / "journal").read_bytes() == data
        journal.append(90, b"{}")
        assert (tmp_path / f"journal.bad-{count}").read_bytes() == data
        assert read(folder) == [(90, b"{}", b"")]


@pytest.mark.parametrize("writable", [True, False])
def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path, writable: bool) -> None:
    data = header(2) + b"whatever comes then"
    folder = folder_with(tmp_path, data)
    with pytest.raises(FileflowError, match="made by a newer fileflow") as caught:
        Journal(folder, writable=writable)
    assert caught.value.status == Exit.STATE
    assert (tmp_path / "journal").read_bytes() == data
    assert os.listdir(tmp_path) == ["journal"]


def test_a_flipped_bit_in_the_version_does_not_make_it_newer(tmp_path: Path) -> None:
    data = HEADER.replace(b"format 1", b"format 3") + WHOLE[len(HEADER) :]
    assert Journal(folder_with(tmp_path, data), writable=False).unknown == "it is no journal"


def test_reading_changes_no_byte(tmp_path: Path) -> None:
    data = WHOLE[:-3]
    journal = Journal(folder_with(tmp_path, data), writable=False)
    with pytest.raises(RuntimeError):
        journal.append(90, b"{}")
    assert (tmp_path / "journal").read_bytes() == data


def test_on_a_full_disk_the_last_append_leaves_nothing_and_the_next_one_works(
    small_disk: Path,
) -> None:
    journal = Journal(str(small_disk), writable=True)
    kept: list[Plain] = []
    with pytest.raises(FileflowError, match="No space left") as caught:
        for k in range(100):
            frame = (65, b"{}", bytes([k]) * 1000)
            journal.append(*frame)
            kept.append(frame)
    assert caught.value.status == Exit.STATE
    assert caught.value.what.startswith("cannot write disk/journal")
    assert read(str(small_disk)) == kept
    assert (small_disk / "journal").stat().st_size == len(journal.data)

    with pytest.raises(FileflowError):
        journal.rewrite([(65, b"{}", bytes(30_000))])
    assert sorted(os.listdir(small_disk)) == ["journal"]

    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    journal.append(66, b"{}", b"now")
    assert read(str(small_disk)) == [*kept, (66, b"{}", b"now")]
    journal.close()


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, block, at: write(fd, bytes(block)[:7], at))
    journal = Journal(str(tmp_path), writable=True)
    for frame in FRAMES:
        journal.append(*frame)
    assert read(str(tmp_path)) == FRAMES


@pytest.mark.parametrize("result", [0, errno.EIO, errno.ENOSPC])
def test_a_write_that_fails_in_the_middle_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: int
) -> None:
    journal = Journal(str(tmp_path), writable=True)
    journal.append(*FRAMES[0])
    write = os.pwrite
    answers = iter([True, False])

    def failing(descriptor: int, block: bytes, at: int) -> int:
        if next(answers):
            return write(descriptor, bytes(block)[:9], at)
        if result:
            raise OSError(result, os.strerror(result))
        return 0

    before = (tmp_path / "journal").read_bytes()
    with monkeypatch.context() as patch, pytest.raises(FileflowError, match="cannot write"):
        patch.setattr(os, "pwrite", failing)
        journal.append(*FRAMES[1])
    assert (tmp_path / "journal").read_bytes() == before
    journal.append(*FRAMES[2])
    assert read(str(tmp_path)) == [FRAMES[0], FRAMES[2]]


def test_an_error_of_fsync_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    journal = Journal(str(tmp_path), writable=True)
    journal.append(*FRAMES[0])
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(FileflowError, match="Input/output error") as caught:
        journal.rewrite(FRAMES)
    assert caught.value.status == Exit.STATE
    assert read(str(tmp_path)) == [FRAMES[0]]


@pytest.mark.parametrize("how", ["removed", "folder removed", "replaced"])
def test_a_journal_that_vanishes_while_in_use_is_noticed(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    journal = Journal(str(folder), writable=True)
    journal.append(*FRAMES[0])
    os.unlink(folder / "journal")
    if how == "folder removed":
        folder.rmdir()
    if how == "replaced":
        (folder / "journal").write_bytes(WHOLE)
    with pytest.raises(FileflowError, match="removed or replaced") as caught:
        journal.check()
    assert caught.value.status == Exit.STATE
    journal._looked = 0.0
    with pytest.raises(FileflowError, match="removed or replaced"):
        journal.append(*FRAMES[1])


def test_another_file_that_came_since_it_was_read_is_not_written_over(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), writable=True)
    (tmp_path / "journal").write_bytes(WHOLE)
    with pytest.raises(FileflowError, match="cannot write"):
        journal.append(*FRAMES[0])
    assert (tmp_path / "journal").read_bytes() == WHOLE


def test_rewriting_replaces_all_and_appends_go_on_after_it(tmp_path: Path) -> None:
    journal = Journal(folder_with(tmp_path, WHOLE[:-5]), writable=True)
    (tmp_path / "journal.new").write_bytes(b"left by a killed run")
    journal.rewrite(FRAMES[3:5])
    assert plain(journal) == FRAMES[3:5]
    journal.append(*FRAMES[7])
    assert read(str(tmp_path)) == [*FRAMES[3:5], FRAMES[7]]
    assert os.listdir(tmp_path) == ["journal"]


@pytest.mark.parametrize("writable", [True, False])
def test_a_pipe_or_folder_in_its_place_counts_as_nothing(tmp_path: Path, writable: bool) -> None:
    for make in (os.mkfifo, os.mkdir):
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder / "journal")
        journal = Journal(str(folder), writable=writable)
        assert (plain(journal), journal.unknown) == ([], "it is no file")
        if writable:
            journal.append(*FRAMES[0])
            assert plain(Journal(str(folder), writable=False)) == [FRAMES[0]]
            assert sorted(os.listdir(folder)) == ["journal", "journal.bad-1"]
