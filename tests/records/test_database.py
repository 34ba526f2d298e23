from __future__ import annotations

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from builders import image, inspection
from lineproof.errors import RecordError
from lineproof.records import database
from lineproof.records.database import SCHEMA, URL_VARIABLE, database_url, ensure_schema, open_engine
from lineproof.records.journal import Journal
from lineproof.records.model import HASHED, UNHASHED, Base, InspectionRow
from lineproof.records.read import open_records
from lineproof.records.settings import RecordSettings

MIGRATIONS = database.Path(database.__file__).parent / "migrations"


def made(folder):
    journal = Journal.open(RecordSettings(folder=folder, retention={"min_free_gb": 0}))
    for number in range(300):
        journal.put(inspection(f"p{number}"), image() if number == 0 else None)
    journal.close()
    return folder / "records.db"


def test_the_newest_migration_is_the_one_the_code_knows():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_migrations_make_the_tables_of_the_model(tmp_path):
    engine = open_engine(database_url(tmp_path, None))
    assert ensure_schema(engine) is True
    assert ensure_schema(engine) is False
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_every_column_is_hashed_or_said_not_to_be():
    assert set(HASHED) | UNHASHED == {column.key for column in InspectionRow.__table__.columns}


def test_wal_and_full_synchronous(tmp_path):
    engine = open_engine(database_url(tmp_path, None))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_an_upgrade_that_breaks_off_leaves_nothing(tmp_path):
    engine = open_engine(database_url(tmp_path, None))

    @event.listens_for(engine, "before_cursor_execute")
    def fail(_connection, _cursor, statement, *_rest):
        if "ix_inspection_grabbed_at" in statement:
            raise OperationalError("", {}, sqlite3.OperationalError("disk I/O error"))

    with pytest.raises(RecordError, match="disk I/O error"):
        ensure_schema(engine)
    event.remove(engine, "before_cursor_execute", fail)
    assert ensure_schema(engine) is True
    engine.dispose()


@pytest.mark.parametrize("where", ["header", "middle"])
def test_a_damaged_database_is_named_with_its_remedy(tmp_path, where):
    path = made(tmp_path)
    damaged = bytearray(path.read_bytes())
    start = 0 if where == "header" else 8192
    damaged[start : start + 12000] = b"\xaa" * 12000
    path.write_bytes(damaged)
    with pytest.raises(RecordError, match=r"records\.db: damaged .* – move it away \(mv .*records\.db .*\)"):
        Journal.open(RecordSettings(folder=tmp_path))
    path.rename(tmp_path / "records.db.damaged")  # the remedy works, and the images stay
    Journal.open(RecordSettings(folder=tmp_path)).close()
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_a_newer_database_is_left_alone(tmp_path):
    path = made(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9999'")
    connection.close()
    with pytest.raises(RecordError, match=r"made by a newer lineproof .* – update lineproof"):
        Journal.open(RecordSettings(folder=tmp_path))


def test_an_unknown_revision_is_one_line(tmp_path):
    path = made(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'abc'")
    connection.close()
    with pytest.raises(RecordError, match="'abc'"):
        Journal.open(RecordSettings(folder=tmp_path))


def test_a_table_of_somebody_else_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("CREATE TABLE inspection (a)")
    connection.close()
    with pytest.raises(RecordError, match="did not make"):
        Journal.open(RecordSettings(folder=tmp_path))


def test_a_refused_start_gives_the_folder_free_again(tmp_path):
    path = made(tmp_path)
    good = path.read_bytes()
    path.write_bytes(b"no database")
    with pytest.raises(RecordError, match="damaged"):
        Journal.open(RecordSettings(folder=tmp_path))
    path.write_bytes(good)
    Journal.open(RecordSettings(folder=tmp_path)).close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("nosuch://user:secret@host/db", r"nosuch://user:\*\*\*@host/db: no such kind"),
        ("mysql+nodriver://user:secret@host/db", r"\*\*\*@host/db: no such kind"),
        ("sqlite:////no/such/folder/a.db", "/no/such/folder/a.db: unable to open"),
    ],
)
def test_wrong_urls(tmp_path, url, words):
    with pytest.raises(RecordError, match=words) as caught:
        Journal.open(RecordSettings(folder=tmp_path, url=url))
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named(tmp_path, monkeypatch):
    def missing(_url):
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(database, "create_engine", missing)
    with pytest.raises(RecordError, match=r"\*\*\*@host/db: needs psycopg – pip install 'psycopg\[binary\]'"):
        Journal.open(RecordSettings(folder=tmp_path, url="postgresql+psycopg://user:secret@host/db"))


def test_the_url_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path}/elsewhere.db")
    Journal.open(RecordSettings(folder=tmp_path / "records")).close()
    assert (tmp_path / "elsewhere.db").is_file()
    assert open_records(tmp_path / "records").counts()["PASS"] == 0
    assert database_url(tmp_path, "sqlite:////a.db").database == "/a.db"  # the line file's own wins
