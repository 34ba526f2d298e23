"""The chain in a database: who tampers is named, and what retention, retries and other writers do breaks nothing."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import OperationalError

from builders import image, inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.core.station import Outcome
from lineproof.errors import RecordError
from lineproof.records import database
from lineproof.records.cycle import Acknowledgement, Cycle, Moment
from lineproof.records.database import database_url, open_engine
from lineproof.records.head_file import parse_head
from lineproof.records.journal import Journal
from lineproof.records.read import open_records
from lineproof.records.rows import row_of
from lineproof.records.settings import RecordSettings
from lineproof.records.store import Store
from lineproof.records.verify import Damage, verify

NOON = datetime(2026, 11, 23, 12, 0, 0, 250, UTC)
FAIL = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch", None),))


def settings(folder: Path, **retention: object) -> RecordSettings:
    return RecordSettings(folder=folder, retention={"min_free_gb": 0, **retention})


def moment(number: int) -> Moment:
    return Moment(number, NOON + timedelta(milliseconds=number))


def cycle(seq: int, **changes: object) -> Cycle:
    facts: dict[str, object] = {
        "session": 2**32 - 1,
        "seq": seq,
        "outcome": Outcome.FAIL,
        "triggered": moment(seq),
        "exposed": moment(seq + 1),
        "result": moment(seq + 9),
        "gates": {"sharpness": 12.25, "saturated": 0.0, "golden": True, "reader": "ok", "focus": None},
    }
    return Cycle(**{**facts, **changes})


def fill(folder: Path, rows: int = 6, *, acknowledged: bool = True) -> None:
    """Rows 1.., each at its position, acknowledgements after them."""
    journal = Journal.open(settings(folder))
    for number in range(1, rows + 1):
        journal.put(inspection(f"p{number}", FAIL, grabbed_at=NOON), image(), cycle(number))
    assert journal.flush(30)
    for number in range(1, rows + 1) if acknowledged else ():
        journal.acknowledge(Acknowledgement(2**32 - 1, number, moment(number + 20)))
    journal.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    fill(folder)
    return folder


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "records"))


def change(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "records.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_what_a_station_knows_is_in_the_row(folder):
    row = open_records(folder).find("3")
    assert (row.session, row.seq, row.outcome, row.part_id) == (2**32 - 1, 3, "FAIL", "p3")
    assert (row.triggered_ns, row.exposed_ns, row.result_ns) == (3, 4, 12)
    assert row.result_at == NOON + timedelta(milliseconds=12)
    assert row.gates == {"sharpness": 12.25, "saturated": 0.0, "golden": True, "reader": "ok", "focus": None}
    receipt = open_records(folder).acknowledgement(row)
    assert receipt.facts["read_ns"] == 23
    assert receipt.facts["read_at"] == "2026-11-23T12:00:00.023250+00:00"
    assert len(receipt.facts["boot_id"]) in (0, 36)


def test_gates_of_any_kind_make_a_row(tmp_path):
    journal = Journal.open(settings(tmp_path))
    gates = {"a": np.float32(0.5), "b": np.bool_(True), "c": float("nan"), "d": "x\0y", "e": 3, "f": object}
    journal.put(inspection(), None, cycle(1, gates=gates, exposed=None))
    journal.close()
    row = open_records(tmp_path).find("1")
    assert row.gates == {"a": 0.5, "b": "True", "c": None, "d": "xy", "e": 3, "f": "<class 'object'>"}
    assert (row.exposed_at, row.exposed_ns) == (None, None)
    assert verify(open_records(tmp_path)).damages == ()


def test_a_whole_chain_verifies(folder):
    found = verify(open_records(folder))
    assert found.damages == ()
    assert (found.rows, found.before_chain, found.chained) == (6, 0, 1 + 6 + 6)
    assert found.head_kept
    assert found.head.position == 12
    words = next(folder.glob("chain-*.head")).read_text()
    assert parse_head(found.head.database_id, words) == found.head


@pytest.mark.parametrize(
    ("statements", "what", "why"),
    [
        (["UPDATE inspection SET decision = 'PASS' WHERE sequence = 3"], "row 3", "changed after writing"),
        (["UPDATE inspection SET gates = '{}' WHERE sequence = 3"], "row 3", "changed after writing"),
        (["UPDATE inspection SET seq = 99 WHERE sequence = 3"], "row 3", "changed after writing"),
        (["UPDATE inspection SET chain_sha256 = previous_sha256 WHERE sequence = 3"], "row 3", "changed or moved"),
        (["DELETE FROM inspection WHERE sequence = 3"], "entry 3", "are missing"),
        (["DELETE FROM inspection WHERE sequence = 1"], "entry 1", "are missing"),
        (
            [
                "UPDATE inspection SET position = -1 WHERE sequence = 3",
                "UPDATE inspection SET position = 3 WHERE sequence = 4",
                "UPDATE inspection SET position = 4 WHERE sequence = 3",
            ],
            "entry 3",
            "are missing",
        ),
        (
            [
                "UPDATE inspection SET sequence = -1 WHERE sequence = 3",
                "UPDATE inspection SET sequence = 3 WHERE sequence = 4",
                "UPDATE inspection SET sequence = 4 WHERE sequence = -1",
            ],
            "entry 3",
            "are missing",
        ),
        (["UPDATE inspection SET position = NULL WHERE sequence = 3"], "row 3", "put in"),
        (["UPDATE chain_entry SET facts = '{}' WHERE position = 9"], "entry 9 (acknowledged)", "changed or moved"),
        (["DELETE FROM chain_entry WHERE position = 9"], "entry 9", "are missing"),
        (
            ["DELETE FROM inspection WHERE sequence > 4", "DELETE FROM chain_entry WHERE position > 6"],
            "entries 5–12",
            "tail",
        ),
        (["UPDATE chain_head SET chain_sha256 = '0'"], "entry 12", "is not the one of the kept head"),
    ],
)
def test_tampering_is_named(folder, statements, what, why):
    change(folder, *statements)
    damages = verify(open_records(folder)).damages
    assert any(damage.what.startswith(what) and why in damage.why for damage in damages), damages


def test_a_row_put_in_is_named(folder):
    change(
        folder,
        "CREATE TEMP TABLE t AS SELECT * FROM inspection WHERE sequence = 3",
        "UPDATE t SET sequence = 7, position = NULL, inspection_id = 'mine', previous_sha256 = NULL, chain_sha256 = NULL",
        "INSERT INTO inspection SELECT * FROM t",
    )
    whys = [damage.why for damage in verify(open_records(folder)).damages]
    assert any("no older than it: put in" in why for why in whys)


def test_a_cut_tail_that_also_moved_the_head_is_seen_in_the_head_file(folder):
    before = verify(open_records(folder)).head
    cut(folder)
    damages = verify(open_records(folder)).damages
    assert damages == (Damage("entries 6–12", "are missing: the tail was cut off"),)
    next(folder.glob("chain-*.head")).unlink()
    found = verify(open_records(folder))
    assert (found.damages, found.head_kept) == ((), False)  # nothing left to see it by, and it says so
    assert verify(open_records(folder), noted=before).damages == damages  # but for a head noted elsewhere


def cut(folder: Path) -> None:
    """Everything after row 5, with the head moved back."""
    change(
        folder,
        "DELETE FROM inspection WHERE sequence > 5",
        "DELETE FROM chain_entry WHERE position > 5",
        "UPDATE chain_head SET position = 5, chain_sha256 = (SELECT chain_sha256 FROM inspection WHERE position = 5)",
    )


def test_a_start_after_a_cut_keeps_the_loss_in_the_chain(folder):
    cut(folder)
    fill(folder, 9, acknowledged=False)  # grows past the old head
    found = verify(open_records(folder))
    assert found.chained == 6 + 1 + 9
    (damage,) = found.damages
    assert damage.why == "says that entries up to 12 had been written when only 5 were found, or others"


def test_retention_of_rows_leaves_a_checkpoint(folder):
    change(folder, "UPDATE inspection SET image_path = NULL, image_removed_at = grabbed_at WHERE sequence <> 3")
    journal = Journal.open(settings(folder, max_row_days=0.5))
    journal.close()
    found = verify(open_records(folder))
    assert (found.damages, found.rows, found.chained) == ((), 1, 14)
    gaps = open_records(folder).removed()
    assert [(gap.first, gap.last) for gap in gaps.values()] == [(1, 2), (4, 8), (10, 12)]  # 9 acknowledges row 3
    change(folder, "DELETE FROM inspection WHERE sequence = 3")
    assert [d.why for d in verify(open_records(folder)).damages] == ["are missing"]


def test_the_receipt_stays_while_one_view_of_the_part_does(tmp_path):
    journal = Journal.open(settings(tmp_path))
    for view, pixels in (("top", None), ("side", image())):
        journal.put(inspection("p", FAIL, grabbed_at=NOON, view=view), pixels, cycle(1))
    assert journal.flush(30)
    journal.acknowledge(Acknowledgement(2**32 - 1, 1, moment(9)))
    journal.close()
    Journal.open(settings(tmp_path, max_row_days=0.5)).close()
    records = open_records(tmp_path)
    (side,) = records.rows()
    assert records.acknowledgement(side) is not None
    change(tmp_path, "UPDATE inspection SET image_path = NULL")
    Journal.open(settings(tmp_path, max_row_days=0.5)).close()
    found = verify(records)
    assert (found.rows, found.chained, found.damages) == (0, 1 + 3 + 2, ())
    assert [(gap.first, gap.last) for gap in records.removed().values()] == [(1, 1), (2, 3)]


def test_a_second_step_of_retention_joins_up_with_the_first(folder):
    change(folder, "UPDATE inspection SET image_path = NULL WHERE sequence <> 3")
    Journal.open(settings(folder, max_row_days=0.5)).close()
    change(folder, "UPDATE inspection SET image_path = NULL")
    Journal.open(settings(folder, max_row_days=0.5)).close()
    fill(folder, 2)
    found = verify(open_records(folder))
    assert (found.damages, found.rows, found.chained) == ((), 2, 13 + 2 + 4)


def test_a_lost_answer_writes_no_row_twice(tmp_path):
    engine = open_engine(database_url(tmp_path, None))
    store = Store(engine)
    rows = [row_of(inspection(f"p{number}"), "", None, "") for number in range(3)]
    commit = engine.dialect.do_commit

    def lost(connection):
        commit(connection)
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    engine.dialect.do_commit = lost
    with pytest.raises(OperationalError):
        store.insert(rows)
    engine.dialect.do_commit = commit
    more = row_of(inspection("p3"), "", None, "")
    store.insert([*rows, more, more])
    engine.dispose()
    found = verify(open_records(tmp_path))
    assert (found.rows, found.chained, found.damages) == (4, 5, ())


def test_two_writers_of_one_database_share_one_chain(tmp_path):
    url = f"sqlite:///{tmp_path}/shared.db"
    both = [Journal.open(RecordSettings(folder=tmp_path / name, url=url)) for name in ("a", "b")]
    for number in range(60):
        for journal in both:
            journal.put(inspection(f"p{number}"), None)
        if number % 10 == 0:
            assert all(journal.flush(30) for journal in both)
    for journal in both:
        journal.close()
        assert (journal.health().failures, journal.health().written) == (0, 60)
    for name in ("a", "b"):
        found = verify(open_records(tmp_path / name, url))
        assert (found.rows, found.chained, found.damages, found.head_kept) == (120, 121, (), True)


def old_database(folder: Path) -> None:
    """Three rows as schema v0001 has them."""
    fill(folder, 3, acknowledged=False)
    with sqlite3.connect(folder / "records.db") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(inspection)")]
        rows = connection.execute("SELECT * FROM inspection").fetchall()
    connection.close()
    from lineproof.records.model import HASHED_BEFORE_CHAIN, STATION, InspectionRow
    from lineproof.records.rows import row_sha256

    sums = {
        row.sequence: row_sha256({name: getattr(row, name) for name in HASHED_BEFORE_CHAIN}, HASHED_BEFORE_CHAIN)
        for row in open_records(folder).rows()
    }
    for path in (*folder.glob("records.db*"), *folder.glob("chain-*")):
        path.unlink()
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = open_engine(database_url(folder, None))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "v0001")
    engine.dispose()
    new = STATION | {"position", "previous_sha256", "chain_sha256"}
    names = [name for name in columns if name not in new]
    assert set(names) < {column.key for column in InspectionRow.__table__.columns}
    with sqlite3.connect(folder / "records.db") as connection:
        for row in rows:
            facts = dict(zip(columns, row, strict=True))
            facts["row_sha256"] = sums[facts["sequence"]]
            marks = ", ".join("?" * len(names))
            connection.execute(
                f"INSERT INTO inspection ({', '.join(names)}) VALUES ({marks})", [facts[name] for name in names]
            )
    connection.close()


def test_an_old_database_is_upgraded_and_its_rows_stay_before_the_chain(tmp_path):
    old_database(tmp_path)
    with pytest.raises(RecordError, match=r"made by an older lineproof \(schema v0001.*records upgrade"):
        open_records(tmp_path)
    fill(tmp_path, 2, acknowledged=False)
    records = open_records(tmp_path)
    found = verify(records)
    assert (found.rows, found.before_chain, found.chained, found.damages) == (5, 3, 3, ())
    assert [row.position for row in records.rows()] == [None, None, None, 1, 2]
    change(tmp_path, "UPDATE inspection SET part_id = 'x' WHERE sequence = 2")
    assert verify(records).damages == (Damage("row 2 (part x)", "was changed after writing"),)


def test_receipts_that_a_disk_does_not_take_are_counted(tmp_path, monkeypatch):
    journal = Journal.open(settings(tmp_path))

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "add_entries", full)
    journal.acknowledge(Acknowledgement(1, 1, moment(1)))
    journal.close()
    journal.acknowledge(Acknowledgement(1, 2, moment(1)))
    health = journal.health()
    assert (health.dropped_acknowledgements, health.dropped_rows) == (2, 0)
    assert health.last_error == "No space left on device"


def test_a_head_file_that_cannot_be_written_stops_no_row(tmp_path, monkeypatch):
    from lineproof.records import writer

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "HeadFile", full)
    journal = Journal.open(settings(tmp_path))
    journal.put(inspection(), None)
    journal.close()
    assert journal.health().written == 1
    found = verify(open_records(tmp_path))
    assert (found.damages, found.head_kept) == ((), False)


@pytest.mark.parametrize("words", ["", "12", "x y", "12 abc", "-1 " + "0" * 64])
def test_a_head_that_is_none(words):
    assert parse_head("db", words) is None


def test_a_row_is_found_by_number_or_by_its_id(folder):
    records = open_records(folder)
    row = records.find("2")
    assert records.find(row.inspection_id).sequence == 2
    assert records.find(row.inspection_id[:12]).sequence == 2
    with pytest.raises(RecordError, match="no record 77"):
        records.find("77")
    with pytest.raises(RecordError, match="no record %"):
        records.find("%")


@pytest.mark.parametrize(
    ("name", "finds"),
    [
        ("1", "plate-1"),
        ("77", None),
        ("7712345", None),
        ("77123456", "plate-1"),
        ("2", "9"),
        ("9", "9"),
        ("p", "plate-2"),
    ],
)
def test_a_number_is_never_taken_for_the_start_of_an_id(tmp_path, name, finds):
    journal = Journal.open(settings(tmp_path))
    journal.put(inspection("plate-1", inspection_id="77123456-9abc"), None)
    journal.put(inspection("9", inspection_id="9"), None)  # an id in full is found, however short
    journal.put(inspection("plate-2", inspection_id="p"), None)
    journal.close()
    records = open_records(tmp_path)
    if finds is None:
        with pytest.raises(RecordError, match=f"no record {name}"):
            records.find(name)
    else:
        assert records.find(name).part_id == finds


def test_a_database_without_its_head_is_one_line(folder):
    change(folder, "DELETE FROM chain_head")
    with pytest.raises(RecordError, match="the row of `chain_head` was removed"):
        verify(open_records(folder))


def test_a_check_that_retention_overtakes_is_done_again(folder, monkeypatch):
    from lineproof.records import read

    change(folder, "UPDATE inspection SET image_path = NULL")
    monkeypatch.setattr(read, "_AT_A_TIME", 2)
    records = open_records(folder)
    rows, seen = records.rows, []

    def overtaken():
        for row in rows():
            yield row
            if not seen:
                seen.append(row)
                Journal.open(settings(folder, max_row_days=0.5)).close()

    monkeypatch.setattr(records, "rows", overtaken)
    found = verify(records)
    assert (found.rows, found.chained, found.damages) == (0, 14, ())
