from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from builders import PROVENANCE, box_mask, detections, image, inspection
from lineproof.core import Decision, Detections, Reason, StageTimes, Verdict
from lineproof.core.decode import read_image
from lineproof.errors import RecordError
from lineproof.records.journal import Journal
from lineproof.records.read import open_records
from lineproof.records.settings import RecordSettings
from lineproof.records.store import Store
from lineproof.records.verify import verify

PASS = Verdict(Decision.PASS)


def rejected(decision: Decision = Decision.FAIL) -> Verdict:
    return Verdict(decision, (Reason("scratch.score", "scratch: score 0.90 ≥ 0.50", 0),))


def settings(folder, **changes) -> RecordSettings:
    return RecordSettings(folder=folder, retention={"min_free_gb": 0}, **changes)


@pytest.fixture
def journal(tmp_path):
    made = Journal.open(settings(tmp_path / "records"))
    yield made
    made.close()


@pytest.fixture
def blocked(monkeypatch):
    """A disk that takes nothing until the event is set."""
    free = threading.Event()
    insert = Store.insert

    def slow(self, rows):
        free.wait()
        insert(self, rows)

    monkeypatch.setattr(Store, "insert", slow)
    yield free
    free.set()


def test_everything_known_about_a_part_is_in_its_row(tmp_path, journal):
    found = detections((1, 2, 11, 22, 0.9, 0), (3, 3, 5, 5, 0.2, 0), masks=True)
    journal.put(
        inspection(
            "4711",
            rejected(),
            view="top",
            detections=found,
            times_ms=StageTimes(infer=12.3456, total=20),
            origin="tile-7.png",
            grabbed_at=datetime(2026, 11, 23, 5, 54, 44, 123456, UTC),
            grabbed_ns=77,
        ),
        image(),
    )
    journal.close()
    (row,) = open_records(tmp_path / "records").last(5)
    assert (row.part_id, row.view, row.decision, row.origin, row.source_id) == (
        "4711",
        "top",
        "FAIL",
        "tile-7.png",
        "test",
    )
    assert row.reasons == [{"rule": "scratch.score", "text": "scratch: score 0.90 ≥ 0.50", "detection": 0}]
    assert row.detections[0]["class"] == "scratch"
    assert row.detections[0]["box"] == [1, 2, 11, 22]
    assert row.detections[0]["area_px"] == 200
    assert len(row.detections[0]["polygon"]) == 4
    assert "polygon" not in row.detections[1]  # no reason names it
    assert (row.infer_ms, row.total_ms) == (12.346, 20)
    assert row.grabbed_at == datetime(2026, 11, 23, 5, 54, 44, 123456, UTC)
    assert row.grabbed_ns == 77
    assert (row.bundle_name, row.bundle_digest, row.provider) == (
        "demo",
        PROVENANCE.bundle_digest,
        "CPUExecutionProvider",
    )
    assert row.image_path.startswith("images/2026-11-23/055444.123_FAIL_4711_")


def test_images_of_every_reject_and_of_one_in_n_passes(tmp_path):
    journal = Journal.open(settings(tmp_path, images={"pass_every": 3}))
    for number in range(7):
        journal.put(inspection(f"ok{number}"), image())
    for decision in (Decision.FAIL, Decision.REVIEW, Decision.FAULT):
        journal.put(inspection(decision, rejected(decision)), image())
    journal.put(inspection("no-frame", rejected(Decision.FAULT)), None)
    journal.close()
    kept = [row.part_id for row in open_records(tmp_path).rows() if row.image_path]
    assert kept == ["ok0", "ok3", "ok6", "FAIL", "REVIEW", "FAULT"]


def test_no_pass_images_when_told_so(tmp_path):
    journal = Journal.open(settings(tmp_path, images={"pass_every": 0}))
    journal.put(inspection(), image())
    journal.close()
    assert [row.image_path for row in open_records(tmp_path).rows()] == [None]


@pytest.mark.parametrize("mono", [True, False])
def test_a_png_gives_back_every_pixel(tmp_path, journal, mono):
    pixels = np.random.default_rng(1).integers(0, 255, (31, 47, 3), dtype=np.uint8)
    if mono:
        pixels[..., 1] = pixels[..., 2] = pixels[..., 0]
    journal.put(inspection("p", rejected()), pixels)
    journal.close()
    (row,) = open_records(tmp_path / "records").rows()
    assert np.array_equal(read_image(tmp_path / "records" / row.image_path), pixels)


def test_jpeg_when_asked(tmp_path):
    journal = Journal.open(settings(tmp_path, images={"format": "jpeg", "jpeg_quality": 80}))
    journal.put(inspection("p", rejected()), image())
    journal.close()
    (row,) = open_records(tmp_path).rows()
    assert row.image_path.endswith(".jpg")
    assert read_image(tmp_path / row.image_path).shape == (48, 64, 3)
    assert verify(open_records(tmp_path)).damages == ()


def test_hostile_part_ids_stay_inside_the_folder_and_in_the_row(tmp_path, journal):
    part_id = "../../etc/\0pass\ud800wd\n" + "x" * 300
    journal.put(inspection(part_id, rejected()), image())
    journal.close()
    (row,) = open_records(tmp_path / "records").rows()
    assert row.part_id == "../../etc/pass?wd\n" + "x" * 300
    assert row.image_path.count("/") == 2
    assert (tmp_path / "records" / row.image_path).is_file()
    assert verify(open_records(tmp_path / "records")).damages == ()


def test_put_returns_while_the_disk_takes_nothing(journal, blocked):
    for number in range(1000):
        journal.put(inspection(f"p{number}"), image())
    assert journal.health().written == 0
    assert journal.health().pending == 1000
    assert not journal.flush(0.01)
    blocked.set()
    assert journal.flush(60)
    assert journal.health().written == 1000
    assert journal.health().dropped_rows == 0


def test_under_pressure_images_go_first_and_every_row_stays(tmp_path, blocked):
    journal = Journal.open(settings(tmp_path, backlog={"images_mb": 1}))
    pixels = np.zeros((250, 400, 3), np.uint8)  # 0.3 MB
    for number in range(20):
        journal.put(inspection(f"p{number}", rejected()), pixels)
    blocked.set()
    journal.close()
    health = journal.health()
    assert health.written == 20
    assert health.dropped_rows == 0
    assert health.dropped_images >= 20 - 3 - 4  # three fit, and the batch in the writer's hands
    rows = list(open_records(tmp_path).rows())
    assert sum(row.image_path is None for row in rows) == health.dropped_images
    assert all("dropped" in row.note for row in rows if row.image_path is None)


def test_a_full_ring_loses_the_oldest_rows_and_counts_them(tmp_path, blocked):
    journal = Journal.open(settings(tmp_path, backlog={"rows": 10}))
    journal.put(inspection("first"), None)
    while journal.health().pending and journal._backlog._rows:  # until the writer holds it
        pass
    for number in range(25):
        journal.put(inspection(f"p{number}"), None)
    blocked.set()
    journal.close()
    assert journal.health().dropped_rows == 15
    assert [row.part_id for row in open_records(tmp_path).rows()] == ["first", *(f"p{n}" for n in range(15, 25))]


def test_a_failing_disk_is_counted_and_tried_again(tmp_path, monkeypatch):
    journal = Journal.open(settings(tmp_path))
    insert = Store.insert
    monkeypatch.setattr(Store, "insert", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    journal.put(inspection("p", rejected()), image())
    while not journal.health().failing:
        pass
    assert "No space left" in journal.health().last_error
    assert journal.health().failures >= 1
    monkeypatch.setattr(Store, "insert", insert)
    assert journal.flush(30)
    assert not journal.health().failing
    journal.close()
    assert [row.part_id for row in open_records(tmp_path).rows()] == ["p"]
    assert verify(open_records(tmp_path)).damages == ()


def test_closing_before_a_disk_that_takes_nothing_ends_and_counts_the_loss(tmp_path, monkeypatch):
    journal = Journal.open(settings(tmp_path))
    monkeypatch.setattr(Store, "insert", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    for number in range(9):
        journal.put(inspection(f"p{number}", rejected()), image())
    journal.close()
    assert journal.health().dropped_rows == 9
    assert journal.health().pending == 0
    monkeypatch.undo()
    Journal.open(settings(tmp_path)).close()  # images of rows that never came are swept
    assert not list(tmp_path.rglob("*.png"))


def test_an_image_that_cannot_be_written_leaves_its_row(tmp_path, monkeypatch):
    from lineproof.records import images

    journal = Journal.open(settings(tmp_path))

    def broken(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(images.atomic, "write_bytes", broken)
    journal.put(inspection("p", rejected()), image())
    journal.close()
    (row,) = open_records(tmp_path).rows()
    assert row.image_path is None
    assert row.note == "image not written: Input/output error"
    assert journal.health().dropped_images == 1


def test_an_image_gets_a_second_chance_in_a_fresh_file(tmp_path, monkeypatch):
    from lineproof.records import images

    journal = Journal.open(settings(tmp_path))
    write_bytes, tries = images.atomic.write_bytes, []

    def broken_once(path, data):
        tries.append(path)
        if len(tries) == 1:
            raise OSError(5, "Input/output error")
        write_bytes(path, data)

    monkeypatch.setattr(images.atomic, "write_bytes", broken_once)
    journal.put(inspection("p", rejected()), image())
    journal.close()
    assert (journal.health().failures, journal.health().dropped_images) == (1, 0)
    assert verify(open_records(tmp_path)).images == 1


def test_a_row_the_database_refuses_does_not_hold_up_the_others(tmp_path, monkeypatch):
    journal = Journal.open(settings(tmp_path))
    insert = Store.insert

    def picky(self, rows):
        if any(row["part_id"] == "bad" for row in rows):
            from sqlalchemy.exc import DataError

            raise DataError("INSERT", {}, ValueError("too long for this database"))
        insert(self, rows)

    monkeypatch.setattr(Store, "insert", picky)
    for part_id in ("a", "bad", "b"):
        journal.put(inspection(part_id), None)
    journal.close()
    assert [row.part_id for row in open_records(tmp_path).rows()] == ["a", "b"]
    assert journal.health().written == 2
    assert journal.health().dropped_rows == 1
    assert journal.health().last_error == "too long for this database"


def test_a_database_removed_under_way_is_made_anew(tmp_path):
    journal = Journal.open(settings(tmp_path))
    journal.put(inspection("before"), None)
    assert journal.flush(30)
    for path in tmp_path.glob("records.db*"):
        path.unlink()
    journal.put(inspection("after"), None)
    journal.close()
    assert [row.part_id for row in open_records(tmp_path).rows()] == ["after"]


def test_the_same_inspection_twice_is_one_row(tmp_path, journal):
    one = inspection("p")
    journal.put(one, None)
    journal.put(one, None)
    journal.close()
    assert len(list(open_records(tmp_path / "records").rows())) == 1


def test_two_writers_of_one_folder_are_refused(tmp_path, journal):
    with pytest.raises(RecordError, match=r"process \d+ records here already"):
        Journal.open(settings(tmp_path / "records"))


def test_after_close_nothing_is_taken_and_close_may_come_twice(journal):
    journal.close()
    journal.put(inspection(), None)
    journal.close()
    assert journal.health().dropped_rows == 1


def test_a_writer_that_died_is_seen_in_health(tmp_path, monkeypatch):
    from lineproof.records import writer

    def bug(*_args):
        raise MemoryError

    monkeypatch.setattr(writer, "row_of", bug)
    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda *_: died.set())
    journal = Journal.open(settings(tmp_path))
    journal.put(inspection(), None)
    assert died.wait(30)
    journal._thread.join()
    assert journal.health().failing
    assert "stopped" in journal.health().last_error


def test_numbers_that_are_none_still_make_a_row(tmp_path, journal):
    strange = Detections(np.array([[0, 0, np.inf, 1]], np.float32), [np.nan], [0], (box_mask(0, 0, 1, 1),))
    journal.put(inspection("p", rejected(), detections=strange), None)
    journal.close()
    (row,) = open_records(tmp_path / "records").rows()
    assert row.detections[0]["score"] == 0


def test_a_relative_folder_lies_beside_the_line_file(tmp_path):
    Journal.open(RecordSettings(), beside=tmp_path).close()
    assert (tmp_path / "records" / "records.db").is_file()


def test_a_usual_start_does_without_alembic_and_torch(tmp_path):
    Journal.open(settings(tmp_path)).close()
    program = (
        "import sys, json; from pathlib import Path; from lineproof.records.journal import Journal;"
        "from lineproof.records.settings import RecordSettings;"
        f"Journal.open(RecordSettings(folder=Path({str(tmp_path)!r}))).close();"
        "print(json.dumps([m for m in ('alembic', 'mako', 'torch', 'scipy') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
