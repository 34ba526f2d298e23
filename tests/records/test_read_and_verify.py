from __future__ import annotations

import csv
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from builders import detections, image, inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.errors import InputError, RecordError
from lineproof.records.export import COLUMNS, export_csv
from lineproof.records.journal import Journal
from lineproof.records.read import Filter, open_records
from lineproof.records.settings import RecordSettings
from lineproof.records.verify import verify

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FAIL = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch: 0.9 ≥ 0.5", 0), Reason("dent.score", "dent", 1)))


@pytest.fixture
def folder(tmp_path):
    journal = Journal.open(RecordSettings(folder=tmp_path, images={"pass_every": 1}, retention={"min_free_gb": 0}))
    for number in range(6):
        journal.put(
            inspection(
                f"p{number}",
                FAIL if number % 2 else None,
                source_id="left" if number < 4 else "right",
                detections=detections((1, 2, 3, 4, 0.9, 0)),
                grabbed_at=NOON + timedelta(hours=number),
            ),
            image(grey=number),
        )
    journal.close()
    return tmp_path


def change(folder, statement: str) -> None:
    with sqlite3.connect(folder / "records.db") as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        (Filter(), "012345"),
        (Filter(decision=Decision.FAIL), "135"),
        (Filter(part_id="p2"), "2"),
        (Filter(source_id="right"), "45"),
        (Filter(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)), "12"),
        (Filter(since=NOON + timedelta(hours=9)), ""),
    ],
)
def test_rows_by_what_is_asked(folder, wanted, parts):
    records = open_records(folder)
    assert "".join(row.part_id[1:] for row in records.rows(wanted)) == parts
    assert "".join(row.part_id[1:] for row in records.last(2, wanted)) == parts[-2:]
    assert sum(records.counts(wanted).values()) == len(parts)


def test_a_long_walk_comes_in_portions(folder, monkeypatch):
    from lineproof.records import read

    monkeypatch.setattr(read, "_AT_A_TIME", 2)
    assert [row.part_id for row in open_records(folder).rows()] == [f"p{n}" for n in range(6)]


def test_readers_and_the_writer_do_not_stop_each_other(tmp_path):
    journal = Journal.open(RecordSettings(folder=tmp_path, retention={"min_free_gb": 0}))
    stop = threading.Event()
    seen: list[int] = []

    def read():
        records = open_records(tmp_path)
        while not stop.is_set():
            seen.append(sum(1 for _ in records.rows()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(400):
        journal.put(inspection(f"p{number}", FAIL if number % 40 == 0 else None), image())
        if number % 20 == 0:
            assert journal.flush(30)
    journal.close()
    stop.set()
    reader.join()
    assert seen == sorted(seen)
    assert journal.health().failures == 0
    assert open_records(tmp_path).counts()["PASS"] == 390


def test_whole_records_verify(folder):
    found = verify(open_records(folder))
    assert (found.rows, found.images, found.damages, found.unnamed_files) == (6, 6, (), 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inspection SET decision = 'PASS' WHERE sequence = 2",
        "UPDATE inspection SET reasons = '[]' WHERE sequence = 2",
        "UPDATE inspection SET grabbed_at = '2026-11-23 12:00:00.000001' WHERE sequence = 2",
        "UPDATE inspection SET total_ms = 0.001 WHERE sequence = 2",
        "UPDATE inspection SET image_sha256 = image_sha256 || 'a' WHERE sequence = 2",
    ],
)
def test_a_changed_row_is_named(folder, statement):
    change(folder, statement)
    damages = verify(open_records(folder)).damages
    assert damages[0].what == "row 2 (part p1)"
    assert damages[0].why == "was changed after writing"


def test_one_flipped_bit_in_an_image_is_named(folder):
    row = open_records(folder).last(1)[0]
    path = folder / row.image_path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (damage,) = verify(open_records(folder)).damages
    assert (damage.what, damage.why) == (row.image_path, "was changed after writing")


def test_a_missing_image_is_named(folder):
    row = open_records(folder).last(1)[0]
    (folder / row.image_path).unlink()
    (damage,) = verify(open_records(folder)).damages
    assert damage.what == row.image_path
    assert "No such file" in damage.why


def test_an_image_that_retention_removes_meanwhile_is_no_damage(folder, monkeypatch):
    records = open_records(folder)
    rows = list(records.rows())
    Journal.open(RecordSettings(folder=folder, retention={"min_free_gb": 0, "max_gb": 1e-9})).close()
    monkeypatch.setattr(type(records), "rows", lambda _self: iter(rows))
    assert verify(records).damages == ()


def test_images_that_retention_removed_are_no_damage(folder):
    settings = RecordSettings(folder=folder, retention={"min_free_gb": 0, "max_gb": 1e-9})
    Journal.open(settings).close()
    found = verify(open_records(folder))
    assert (found.images, found.removed_images, found.damages) == (3, 3, ())


def test_files_that_no_row_names_are_counted(folder):
    change(folder, "DELETE FROM inspection WHERE sequence = 6")
    assert verify(open_records(folder)).unnamed_files == 1


def test_a_damaged_database_is_said_in_one_line(folder):
    path = folder / "records.db"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xaa" * len(data[8192:])
    path.write_bytes(data)
    with pytest.raises(RecordError, match=r"records\.db: damaged"):
        verify(open_records(folder))


def test_no_records_here(tmp_path):
    with pytest.raises(RecordError, match=r"no records\.db in it"):
        open_records(tmp_path)
    (tmp_path / "records.db").touch()
    with pytest.raises(RecordError, match="holds no records"):
        open_records(tmp_path)


def test_reading_changes_nothing(folder):
    with (
        open_records(folder).engine.connect() as connection,
        pytest.raises(OperationalError, match="readonly"),
    ):
        connection.execute(text("DELETE FROM inspection"))


def test_export_is_a_table_that_runs_no_formula(tmp_path):
    journal = Journal.open(RecordSettings(folder=tmp_path))
    journal.put(inspection("=HYPERLINK(1)", FAIL, detections=detections((1, 2, 3, 4, 0.9, 0)), origin='a,b\n"c"'), None)
    journal.close()
    out = tmp_path / "out" / "rows.csv"
    assert export_csv(open_records(tmp_path).rows(), out) == 1
    with out.open(encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert tuple(header) == COLUMNS
    told = dict(zip(header, row, strict=True))
    assert told["part_id"] == "'=HYPERLINK(1)"
    assert told["origin"] == 'a,b\n"c"'
    assert told["reasons"] == "scratch.score: scratch: 0.9 ≥ 0.5; dent.score: dent"
    assert told["detections"] == "scratch:0.900"


def test_a_failed_export_leaves_the_old_file(folder, tmp_path):
    out = tmp_path / "rows.csv"
    out.write_text("old")

    def rows():
        yield from open_records(folder).last(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        export_csv(rows(), out)
    assert out.read_text() == "old"


def test_export_does_not_replace_a_device(folder, tmp_path):
    device = tmp_path / "pipe"
    __import__("os").mkfifo(device)
    with pytest.raises(InputError, match="not a regular file"):
        export_csv(open_records(folder).rows(), device)
    assert device.is_fifo()
