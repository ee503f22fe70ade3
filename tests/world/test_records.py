from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from fileflow.errors import FileflowError
from fileflow.model.digests import NO_DIGEST
from fileflow.model.tokens import list_id, list_token, listed
from fileflow.world.journal import Journal, header
from fileflow.world.records import (
    Record,
    RecordHead,
    Records,
    contents_id,
)

HEAD = RecordHead(
    rule="upper",
    kind="run",
    input_names=("", "table"),
    output_names=("",),
    run="r1",
    log="logs/r1/0.log",
    facts={"host": "h", "versions": {"python": "3.11"}, "odd": "\udcff"},
    algorithm="sha256",
)


def record(
    number: int,
    inputs: tuple[str, ...] | None = None,
    outputs: tuple[str, ...] | None = None,
    head: RecordHead = HEAD,
) -> Record:
    chance = random.Random(number)
    inputs = (f"in/{number}.txt",) if inputs is None else inputs
    outputs = (f"out/{number % 1000}.txt",) if outputs is None else outputs
    return Record(
        head,
        chance.randbytes(16),
        inputs,
        chance.randbytes(16 * len(inputs)),
        outputs,
        chance.randbytes(48 * len(outputs)),
        1.7e9 + number,
        number / 7,
        number / 9,
        number * 1000,
        number * 10,
        10,
    )


def by_key(*rows: Record) -> dict[str, Record]:
    return {row.outputs[0]: row for row in rows}


def writing(tmp_path: Path) -> Records:
    return Records.load(str(tmp_path / ".fileflow"), writable=True)


def reading(tmp_path: Path) -> Records:
    return Records.load(str(tmp_path / ".fileflow"), writable=False)


def journal_of(tmp_path: Path) -> Path:
    return tmp_path / ".fileflow" / "journal"


VARIED = [
    record(1),
    record(2, inputs=()),
    record(3, inputs=("",)),
    record(4, inputs=("", "a b", "", "ü/ö\udcff.txt"), outputs=("x\udc80", "y", "日本")),
    record(5, outputs=("p", "q")),
    record(6, inputs=(list_token(list_id(["a", "b"])), "c")),
]


def test_every_kind_of_record_comes_back_as_it_was(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, VARIED)
    assert dict(records.jobs) == by_key(*VARIED)
    again = reading(tmp_path)
    assert dict(again.jobs) == by_key(*VARIED)
    assert again.jobs["p"].head is again.jobs["x\udc80"].head
    assert (again.damaged, again.warnings) == (0, [])


def test_each_row_alone_comes_back_as_among_others(tmp_path: Path) -> None:
    records = writing(tmp_path)
    for row in VARIED:
        records.add_jobs(HEAD, [row])
    assert dict(reading(tmp_path).jobs) == by_key(*VARIED)


def test_outputs_are_known_as_files(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, VARIED)
    records.add_files([("src", b"s" * 32, b"d" * 16), ("q", b"S" * 32, b"D" * 16)])
    for known in (records.files, reading(tmp_path).files):
        assert known["日本"] == (VARIED[3].made[96:128], VARIED[3].made[128:])
        assert known["src"] == (b"s" * 32, b"d" * 16)
        assert known["q"] == (b"S" * 32, b"D" * 16)
        assert known.get("nothing") is None
        assert "p" in known
        assert len(known) == 10


ODD = ["in/a", "a", "b/in/a", "in/a/b", "in/ä", "in/\udcff", "in/a b", "x" * 300]


def test_a_few_files_are_found_as_in_the_dictionary_of_all(tmp_path: Path) -> None:
    chance = random.Random(4)
    told: dict[str, tuple[bytes, bytes]] = {}
    records = Records.load(str(tmp_path / ".fileflow"), writable=True)
    for _ in range(5):
        paths = chance.choices(ODD, k=4)  # some twice: the last one counts
        rows = [(path, chance.randbytes(32), chance.randbytes(16)) for path in paths]
        records.add_files(rows)
        told.update((path, (sign, digest)) for path, sign, digest in rows)
        done = record(chance.randrange(99), outputs=("in/a", "made"))
        records.add_jobs(HEAD, [done])
        told.update(
            (path, (done.made[at : at + 32], done.made[at + 32 : at + 48]))
            for path, at in zip(done.outputs, (0, 48), strict=True)
        )
        for path in (*ODD, "made", "in/", "n/a", "in", "", "in/a\0a", "\ud800"):
            again = Records.load(str(tmp_path / ".fileflow"), writable=False)
            assert again.files.get(path) == records.files.get(path) == told.get(path), path
            assert again.files.many([path]) == [told.get(path)]
            assert (path in again.files) == (path in told)
    assert dict(Records.load(str(tmp_path / ".fileflow"), writable=False).files) == told
    for number in range(100):  # more than are looked for one by one
        assert again.files.get(f"none{number}") is None
        assert again.files.get("made") == told["made"]


def test_a_file_that_was_forgotten_is_not_found_in_earlier_frames(tmp_path: Path) -> None:
    records = Records.load(str(tmp_path / ".fileflow"), writable=True)
    records.add_jobs(HEAD, [record(1), record(2)])
    records.forget(["out/1.txt"])
    for one in (records, Records.load(str(tmp_path / ".fileflow"), writable=False)):
        assert one.files.get("out/1.txt") is None
        assert one.files.get("out/2.txt") is not None


def test_further_outputs_lead_to_their_job(tmp_path: Path) -> None:
    records = writing(tmp_path)
    assert records.owner == {}
    records.add_jobs(HEAD, VARIED)
    assert records.owner == {"y": "x\udc80", "日本": "x\udc80", "q": "p"}
    records.add_jobs(HEAD, [record(7, outputs=("p", "r"))])
    assert records.owner == {"y": "x\udc80", "日本": "x\udc80", "r": "p"}
    records.add_jobs(HEAD, [record(8, outputs=("p",))])
    assert records.owner == {"y": "x\udc80", "日本": "x\udc80"}
    records.forget(["x\udc80"])
    assert records.owner == reading(tmp_path).owner == {}


def test_the_last_record_of_a_job_wins(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, [record(1), record(2)])
    records.add_jobs(HEAD, [record(1001)])
    assert dict(reading(tmp_path).jobs) == by_key(record(1001), record(2))


def test_a_forgotten_job_is_unknown_with_all_its_outputs(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, VARIED)
    records.forget(["p", "never known"])
    for known in (records, reading(tmp_path)):
        assert "p" not in known.jobs
        assert "p" not in known.files
        assert "q" not in known.files
        assert len(known.jobs) == 5
    records.add_jobs(HEAD, [VARIED[4]])
    assert reading(tmp_path).jobs["p"] == VARIED[4]


def test_a_list_is_stored_once(tmp_path: Path) -> None:
    paths = [f"chunk/{k}\udcfe" for k in range(1000)]
    digests = random.Random(0).randbytes(16_000)
    records = writing(tmp_path)
    assert records.add_list(paths) == list_id(paths)
    assert records.add_contents(digests) == contents_id(digests)
    size = journal_of(tmp_path).stat().st_size
    again = writing(tmp_path)
    again.add_list(paths)
    again.add_contents(digests)
    assert journal_of(tmp_path).stat().st_size == size
    assert again.lists[list_id(paths)] == tuple(paths)
    assert again.contents[contents_id(digests)] == digests
    assert again.lists[again.add_list([])] == ()


def test_contents_that_differ_in_few_places_are_stored_by_these(tmp_path: Path) -> None:
    chance = random.Random(7)
    records = writing(tmp_path)
    now = bytearray(chance.randbytes(16 * 5000))
    told = {records.add_contents(bytes(now)): bytes(now)}
    whole = journal_of(tmp_path).stat().st_size
    for place in (0, 4999, 1, 2500, 255, 256, *chance.sample(range(5000), 30)):
        now[16 * place : 16 * place + 16] = chance.randbytes(16)
        told[records.add_contents(bytes(now))] = bytes(now)
    assert journal_of(tmp_path).stat().st_size < 1.5 * whole
    other = chance.randbytes(16 * 5000)  # as many, and all others
    told[records.add_contents(other)] = other
    assert len(told) == 38
    for known in (records, reading(tmp_path)):
        assert dict(known.contents) == told
    assert all(contents_id(digests) == ident for ident, digests in told.items())


def test_contents_are_unknown_if_those_they_differ_from_are_damaged(tmp_path: Path) -> None:
    records = writing(tmp_path)
    first = records.add_contents(bytes(range(16)) * 1000)
    at = journal_of(tmp_path).stat().st_size - 100
    changed = records.add_contents(b"x" * 16 + bytes(range(16)) * 999)
    other = records.add_contents(b"y" * 16)
    data = bytearray(journal_of(tmp_path).read_bytes())
    data[at] ^= 1
    journal_of(tmp_path).write_bytes(data)
    known = reading(tmp_path)
    assert first not in known.contents and changed not in known.contents
    assert known.contents[other] == b"y" * 16
    assert known.damaged == 2


def test_compaction_keeps_contents_whose_base_nobody_refers_to(tmp_path: Path) -> None:
    records = writing(tmp_path)
    digests = random.Random(1).randbytes(16 * 20_000)
    records.add_contents(digests)
    listing = records.add_list(["in/a"])
    for number in range(100):
        digests = digests[:-16] + number.to_bytes(16, "little")
        ident = records.add_contents(digests)
    made = record(1, inputs=(list_token(listing),))._replace(digests=ident)
    records.add_jobs(HEAD, [made])
    records.add_list([f"chunk/{k}" for k in range(400_000)])  # makes it worth it
    records.compact_if_worth()
    assert journal_of(tmp_path).stat().st_size < 400_000
    for known in (records, reading(tmp_path)):
        assert dict(known.contents) == {ident: digests}
        assert known.jobs["out/1.txt"] == made


def test_a_token_tells_a_list_from_a_path() -> None:
    ident = list_id(["a"])
    assert listed(list_token(ident)) == ident
    assert listed("a") is listed("") is None


def test_notes_are_kept_and_removed(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.note("run", "r1", {"built": [1, 2.5, None, "\udcff"]})
    records.note("failed", "a", 1)
    records.note("failed", "b", "x")
    records.note("failed", "a", None)
    expected = {("run", "r1"): {"built": [1, 2.5, None, "\udcff"]}, ("failed", "b"): "x"}
    assert records.notes == reading(tmp_path).notes == expected


def test_reading_only_creates_nothing(tmp_path: Path) -> None:
    records = reading(tmp_path)
    assert (dict(records.jobs), dict(records.files), records.notes) == ({}, {}, {})
    records.compact_if_worth()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_moved_or_was_copied_knows_the_same(tmp_path: Path) -> None:
    writing(tmp_path).add_jobs(HEAD, VARIED)
    shutil.copytree(tmp_path / ".fileflow", tmp_path / "copy" / ".fileflow")
    assert dict(reading(tmp_path / "copy").jobs) == by_key(*VARIED)


def write_hundred(tmp_path: Path) -> list[Record]:
    rows = [record(k, outputs=(f"o{k}", f"p{k}") if k % 3 else None) for k in range(100)]
    records = writing(tmp_path)
    for k in range(0, 100, 4):
        records.add_jobs(HEAD, rows[k : k + 4])
        records.add_files([(row.inputs[0], b"s" * 32, row.digests) for row in rows[k : k + 4]])
        records.note("n", str(k), k)
    return rows


def test_cut_anywhere_it_knows_whole_records_only(tmp_path: Path) -> None:
    rows = write_hundred(tmp_path)
    known = 100
    for size in range(journal_of(tmp_path).stat().st_size, -1, -11):
        os.truncate(journal_of(tmp_path), size)
        records = reading(tmp_path)
        records.close()
        if len(records.jobs) != known:
            known = len(records.jobs)
            assert dict(records.jobs) == by_key(*rows[:known])
        assert records.damaged == 0
    assert known == 0


def test_flipped_bits_make_records_unknown_but_never_others(tmp_path: Path) -> None:
    expected = by_key(*write_hundred(tmp_path))
    whole = journal_of(tmp_path).read_bytes()
    chance = random.Random(5)
    for _ in range(1000):
        data = bytearray(whole)
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        journal_of(tmp_path).write_bytes(data)
        records = reading(tmp_path)
        records.close()
        assert dict(records.jobs).items() <= expected.items()
        if place > 64:
            assert len(records.jobs) >= 96
            assert len(records.warnings) == records.damaged <= 1


def test_a_whole_frame_without_sense_is_damage(tmp_path: Path) -> None:
    writing(tmp_path).add_jobs(HEAD, [record(1)])
    journal = Journal(str(tmp_path / ".fileflow"), writable=True)
    for kind in (*b"JFLCNX", 200):
        journal.append(kind, b"{", b"\xff" * 60)
        journal.append(kind, b"[]", b"\0" * 200)
    records = reading(tmp_path)
    assert dict(records.jobs) == by_key(record(1))
    assert records.damaged >= 10


def test_damage_is_told_once_and_gone_after_compaction(tmp_path: Path) -> None:
    rows = write_hundred(tmp_path)
    data = bytearray(journal_of(tmp_path).read_bytes())
    data[len(data) // 2] ^= 4
    journal_of(tmp_path).write_bytes(data)
    reading(tmp_path).compact_if_worth()
    assert journal_of(tmp_path).read_bytes() == data
    records = writing(tmp_path)
    assert records.damaged == 1
    assert records.warnings == [
        ".fileflow/journal is damaged in 1 place: the jobs recorded there run again"
    ]
    left = dict(records.jobs)
    records.compact_if_worth()
    again = reading(tmp_path)
    assert (again.damaged, again.warnings) == (0, [])
    assert dict(again.jobs) == dict(records.jobs) == left
    assert left.items() <= by_key(*rows).items()


def test_a_state_of_unknown_format_is_told_and_kept_aside(tmp_path: Path) -> None:
    (tmp_path / ".fileflow").mkdir()
    journal_of(tmp_path).write_bytes(header(0) + b"old")
    records = writing(tmp_path)
    assert "format 0" in records.warnings[0]
    records.add_jobs(HEAD, [record(1)])
    assert (tmp_path / ".fileflow" / "journal.bad-1").read_bytes() == header(0) + b"old"
    assert dict(reading(tmp_path).jobs) == by_key(record(1))


def test_what_could_not_be_written_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, [record(1)])
    with monkeypatch.context() as patch, pytest.raises(FileflowError):
        patch.setattr(os, "pwrite", lambda *_: 0)
        records.add_jobs(HEAD, [record(2)])
    assert dict(records.jobs) == by_key(record(1))


def test_a_record_without_outputs_or_with_a_digest_missing_is_refused(tmp_path: Path) -> None:
    records = writing(tmp_path)
    with pytest.raises(ValueError, match="bug"):
        records.add_jobs(HEAD, [record(1)._replace(digests=b"short")])
    with pytest.raises(ValueError, match="bug"):
        records.add_jobs(HEAD, [record(1, outputs=()), record(2, outputs=("a", "b"))])
    assert len(records.jobs) == 0


def write_log(tmp_path: Path, name: str) -> Path:
    path = tmp_path / ".fileflow" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("said something")
    return path


def test_compaction_keeps_what_is_alive_and_drops_the_rest(tmp_path: Path) -> None:
    records = writing(tmp_path)
    paths = [f"chunk/{k}" for k in range(2000)]
    for run in range(12):
        head = RecordHead("upper", "run", ("",), ("",), f"r{run}", f"logs/r{run}/0.log", {}, "x")
        records.add_jobs(head, [record(1000 * run + k, head=head) for k in range(1000)])
        listing = records.add_list([*paths, f"run {run}"])
        digests = records.add_contents(random.Random(run).randbytes(16 * 2001))
        gather = record(7, (list_token(listing), ""), ("all", "more"), head)
        records.add_jobs(head, [gather._replace(digests=digests + NO_DIGEST)])
        records.add_files(
            [("chunk/5", b"s" * 32, b"%016d" % run), ("unused", b"u" * 32, b"u" * 16)]
        )
        records.add_files([("out/5.txt", b"S" * 32, b"%016d" % run)])
        records.note("run", f"r{run}", {"log": ".fileflow/logs/r3/1.log" if run == 3 else None})
    kept = [write_log(tmp_path, "logs/r11/0.log"), write_log(tmp_path, "logs/r3/1.log")]
    gone = [write_log(tmp_path, "logs/r10/0.log"), write_log(tmp_path, "logs/r3/2.log")]
    before = reading(tmp_path)

    records.compact_if_worth()
    after = reading(tmp_path)
    for known in (records, after):
        assert dict(known.jobs) == dict(before.jobs)
        assert known.owner == {"more": "all"}
        assert known.notes == before.notes
        assert dict(known.files) == {k: v for k, v in before.files.items() if k != "unused"}
        assert dict(known.lists) == {listing: (*paths, "run 11")}
        assert list(known.contents) == [digests]
    assert len(after.jobs) == 1001
    assert [path.exists() for path in kept] == [True, True]
    assert [path.parent.exists() or path.exists() for path in gone] == [False, True]
    assert not gone[1].exists()
    size = journal_of(tmp_path).stat().st_size
    assert size < 300_000
    records.add_jobs(HEAD, [record(1)])
    assert reading(tmp_path).jobs["out/1.txt"] == record(1)


def test_compaction_leaves_a_small_or_living_journal_alone(tmp_path: Path) -> None:
    records = writing(tmp_path)
    for _ in range(10):
        records.add_jobs(HEAD, [record(1)])
    records.compact_if_worth()
    rows = [record(k, outputs=(f"o{k}",)) for k in range(10_000)]
    records.add_jobs(HEAD, rows)
    listing = records.add_list([f"chunk/{k}" for k in range(600_000)])
    records.add_jobs(HEAD, [record(1, inputs=(list_token(listing),))])
    inode = journal_of(tmp_path).stat().st_ino
    records.compact_if_worth()
    assert journal_of(tmp_path).stat().st_ino == inode


def test_stored_lists_that_nobody_refers_to_make_compaction_worth_it(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, [record(1)])
    records.add_list([f"chunk/{k}" for k in range(200_000)])
    records.compact_if_worth()
    assert journal_of(tmp_path).stat().st_size < 2000
    assert dict(records.lists) == {}
    assert dict(records.jobs) == by_key(record(1))


def test_a_file_that_a_running_append_tears_is_read_by_others(tmp_path: Path) -> None:
    records = writing(tmp_path)
    records.add_jobs(HEAD, [record(1), record(2)])
    data = journal_of(tmp_path).read_bytes()
    records.add_jobs(HEAD, [record(3)])
    journal_of(tmp_path).write_bytes(journal_of(tmp_path).read_bytes()[:-1])
    other = reading(tmp_path)
    assert (len(other.jobs), other.damaged, other.warnings) == (2, 0, [])
    assert journal_of(tmp_path).read_bytes()[: len(data)] == data
