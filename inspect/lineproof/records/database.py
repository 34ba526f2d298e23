"""The database behind the records: opened, checked and brought up to date."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from lineproof.errors import RecordError

FILE = "records.db"
URL_VARIABLE = "LINEPROOF_RECORDS_URL"
SCHEMA = "v0002"  # the newest revision in migrations/versions; a test holds the two together
# `PRAGMA quick_check` reads every page: about 2 ms per MB here. Larger files are checked by `lineproof records verify`.
QUICK_CHECK_MAX_BYTES = 16_000_000
_BUSY_MS = 5_000
_WAL_LIMIT_BYTES = 64_000_000

for _library in ("psycopg", "sqlalchemy"):  # their lines for each broken connection: the recorder's health has it
    logging.getLogger(_library).addHandler(logging.NullHandler())


def database_url(folder: Path, url: str | None) -> URL:
    """The URL asked for, else the environment's, else SQLite in the folder; raises RecordError for one that is none."""
    given = url or os.environ.get(URL_VARIABLE)
    if not given:
        return URL.create("sqlite", database=str(folder / FILE))
    try:
        parsed = make_url(given)
    except ArgumentError:
        raise RecordError(
            "records.url: not a database URL", hint="e.g. postgresql+psycopg://user:password@host/lineproof"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise RecordError("records.url: a database in memory records nothing", hint="e.g. sqlite:////data/records.db")
    return parsed


def open_engine(url: URL, *, read_only: bool = False) -> Engine:
    """An engine that has not connected yet; raises RecordError for an unknown or uninstalled driver."""
    name = url.render_as_string(hide_password=True)
    if read_only and url.database and url.get_backend_name() == "sqlite":
        uri = Path(url.database).absolute().as_uri()
        url = URL.create("sqlite", database=uri, query={"mode": "ro", "uri": "true"})
    try:
        engine = create_engine(url)
    except NoSuchModuleError:
        raise RecordError(f"{name}: no such kind of database", hint="use sqlite:/// or postgresql+psycopg://") from None
    except ModuleNotFoundError as error:
        raise RecordError(f"{name}: needs {error.name}", hint=f"pip install '{error.name}[binary]'") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_reading if read_only else _prepare_writing)
    return engine


def _prepare_writing(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a committed row survives a power cut; one fsync per group of rows
    cursor.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
    cursor.close()


def _prepare_reading(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.close()


def ensure_schema(engine: Engine) -> bool:
    """Check the database, create or upgrade its tables where needed; says whether they are new.

    Raises:
        RecordError: unreadable, damaged, somebody else's, or made by a newer lineproof; names it and the remedy.
    """
    name = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            version = schema_version(connection, name)
            _quick_check(connection)
        if version != SCHEMA:
            _upgrade(engine)
    except SQLAlchemyError as error:
        raise unusable(engine.url, error) from None
    return version is None


def schema_version(connection: Connection, name: str) -> str | None:
    """Revision of the tables, None in an empty database; raises RecordError for one that is not ours or too new."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if "inspection" in tables:
            raise RecordError(f"{name}: holds a table `inspection` that lineproof did not make", hint="use another URL")
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and str(version) > SCHEMA:
        raise RecordError(
            f"{name}: made by a newer lineproof (schema {version}, this one knows {SCHEMA})", hint="update lineproof"
        )
    return None if version is None else str(version)


def _quick_check(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    database = connection.engine.url.database
    if not database or not Path(database).is_file() or Path(database).stat().st_size > QUICK_CHECK_MAX_BYTES:
        return
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if answer != "ok":
        raise unusable(connection.engine.url, str(answer))


def _upgrade(engine: Engine) -> None:
    """Run alembic; imported only here, because most starts find the tables as they should be."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _all_or_nothing(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise RecordError(f"{engine.url.render_as_string(hide_password=True)}: {error}") from None


@contextmanager
def _all_or_nothing(engine: Engine) -> Iterator[Connection]:
    """A transaction around table changes as well, which Python's sqlite3 would commit one by one."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # a second process waits here instead of doing the same
        with ExitStack() as undo:
            undo.callback(connection.exec_driver_sql, "ROLLBACK")
            yield connection
            undo.pop_all()
        connection.exec_driver_sql("COMMIT")


def unusable(url: URL, error: SQLAlchemyError | str) -> RecordError:
    """One clear line for a database that cannot be used."""
    why = error if isinstance(error, str) else reason(error)
    database = url.database or ""
    if url.get_backend_name() != "sqlite":
        name = url.render_as_string(hide_password=True)
        return RecordError(f"{name}: {why}", hint="check that the server runs and lets this user in")
    if "not a database" in why or "malformed" in why or "quick_check" in why or "***" in why:
        return RecordError(
            f"{database}: damaged ({why.splitlines()[0]})",
            hint=f"move it away (mv {database} {database}.damaged); the next start makes a new one, images stay",
        )
    if "readonly database" in why:  # a reader may not roll back what a killed writer began
        return RecordError(f"{database}: {why}", hint="a killed line left it so; its next start mends it")
    return RecordError(f"{database}: {why}", hint="check the path, its permissions and the free space of the disk")


def reason(error: SQLAlchemyError) -> str:
    """The database's own words, without the statement and its values."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(original).strip().splitlines()[0] if str(original).strip() else type(original).__name__
