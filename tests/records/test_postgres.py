"""The same records on a real PostgreSQL: models, migrations, chain, retention, and two lines on one server."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from builders import detections, image, inspection
from lineproof.core import Decision, Reason, StageTimes, Verdict
from lineproof.core.station import Outcome
from lineproof.records.cycle import Acknowledgement, Cycle, Moment
from lineproof.records.journal import Journal
from lineproof.records.model import Base
from lineproof.records.read import open_records
from lineproof.records.settings import RecordSettings
from lineproof.records.verify import verify
from postgres_rig import programs, server

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt install postgresql"),
    pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="needs the extra postgres"),
]

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
FAIL = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch: 0.9 ≥ 0.5", 0),))


@pytest.fixture(scope="module")
def running():
    with server() as url:
        yield url


@pytest.fixture
def url(running):
    """The server with no tables in it."""
    engine = create_engine(running)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return running


def settings(folder, url, **retention: object) -> RecordSettings:
    return RecordSettings(folder=folder, url=url, retention={"min_free_gb": 0, **retention})


def fill(folder, url, rows: int = 6) -> None:
    journal = Journal.open(settings(folder, url))
    for number in range(1, rows + 1):
        cycle = Cycle(
            session=2**32 - 1,
            seq=number,
            outcome=Outcome.FAIL,
            triggered=Moment(number, NOW),
            result=Moment(number + 1, NOW),
            gates={"sharpness": 0.1 + 0.2, "dark": True, "code": "é"},
        )
        one = inspection(
            f"p{number}",
            FAIL,
            grabbed_at=NOW + timedelta(hours=number),
            detections=detections((1, 2, 3.3, 4, 0.123456, 0)),
            times_ms=StageTimes(infer=0.1 + 0.2, total=20),
        )
        journal.put(one, image() if number % 2 else None, cycle)
        journal.acknowledge(Acknowledgement(2**32 - 1, number, Moment(number + 2, NOW)))
    journal.close()
    assert (journal.health().written, journal.health().failures) == (rows, 0), journal.health()


def change(url, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_rows_come_back_as_they_were_hashed(tmp_path, url):
    fill(tmp_path, url)
    records = open_records(tmp_path, url)
    found = verify(records)
    assert (found.rows, found.images, found.chained, found.damages) == (6, 3, 13, ())
    assert found.head_kept
    row = records.find("3")
    assert row.gates == {"sharpness": 0.3, "dark": True, "code": "é"}
    assert (row.grabbed_at, row.session) == (NOW + timedelta(hours=3), 2**32 - 1)
    assert records.acknowledgement(row).facts["read_ns"] == 5
    assert not (tmp_path / "records.db").exists()
    records.engine.dispose()


def test_migrations_make_the_tables_of_the_model(tmp_path, url):
    fill(tmp_path, url, 1)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "what", "why"),
    [
        ("UPDATE inspection SET decision = 'PASS' WHERE sequence = 3", "row 3", "changed after writing"),
        ("UPDATE inspection SET infer_ms = 0.3 WHERE sequence = 3", None, ""),  # 0.1 + 0.2 was rounded to it
        ("DELETE FROM inspection WHERE sequence = 3", "entry", "are missing"),
    ],
)
def test_tampering_is_named(tmp_path, url, statement, what, why):
    fill(tmp_path, url)
    change(url, statement)
    records = open_records(tmp_path, url)
    damages = verify(records).damages
    records.engine.dispose()
    if what is None:
        assert damages == ()
    else:
        assert any(damage.what.startswith(what) and why in damage.why for damage in damages), damages


def test_retention_of_rows_leaves_a_checkpoint(tmp_path, url):
    fill(tmp_path, url)
    Journal.open(settings(tmp_path, url, max_row_days=1e-3)).close()
    records = open_records(tmp_path, url)
    found = verify(records)
    records.engine.dispose()
    assert (found.rows, found.chained, found.damages) == (3, 14, ())


def test_two_lines_on_one_server_share_one_chain(tmp_path, url):
    both = [Journal.open(settings(tmp_path / name, url)) for name in ("a", "b")]
    for number in range(200):
        for journal in both:
            journal.put(inspection(f"p{number}"), None)
        if number % 10 == 0:
            assert all(journal.flush(30) for journal in both)
    for journal in both:
        journal.close()
        assert (journal.health().written, journal.health().failures) == (200, 0), journal.health()
    records = open_records(tmp_path / "a", url)
    found = verify(records)
    records.engine.dispose()
    assert (found.rows, found.chained, found.damages) == (400, 401, ())


def test_a_server_that_cuts_the_session_off_costs_no_row(tmp_path, url):
    journal = Journal.open(settings(tmp_path, url))
    journal.put(inspection("before"), None)
    assert journal.flush(30)
    change(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    for number in range(5):
        journal.put(inspection(f"p{number}"), None)
    journal.close()
    assert (journal.health().written, journal.health().dropped_rows) == (6, 0)
    assert journal.health().failures >= 1
    records = open_records(tmp_path, url)
    found = verify(records)
    records.engine.dispose()
    assert (found.rows, found.chained, found.damages) == (6, 7, ())
