"""The query side: rows by time, part and decision, while the line goes on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from lineproof.core import Decision
from lineproof.errors import RecordError
from lineproof.records.database import FILE, database_url, open_engine, schema_version, unusable
from lineproof.records.model import InspectionRow

_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; what is None does not matter."""

    decision: Decision | None = None
    part_id: str | None = None
    source_id: str | None = None
    since: datetime | None = None  # grabbed at or after
    until: datetime | None = None  # grabbed before


class Records:
    """Read-only sight of a records folder; rows come detached, in the order of writing."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        """See `open_records`."""
        self.folder = folder
        self.engine = engine

    def counts(self, wanted: Filter = Filter()) -> dict[str, int]:
        """Rows by decision; every decision is there."""
        found = dict.fromkeys((decision.value for decision in Decision), 0)
        query = select(InspectionRow.decision, func.count()).where(*_conditions(wanted))
        with self._session() as session:
            for decision, number in session.execute(query.group_by(InspectionRow.decision)):
                found[decision] = number
        return found

    def last(self, number: int, wanted: Filter = Filter()) -> list[InspectionRow]:
        """The newest rows, oldest of them first."""
        query = select(InspectionRow).where(*_conditions(wanted)).order_by(InspectionRow.sequence.desc()).limit(number)
        with self._session() as session:
            return list(session.scalars(query))[::-1]

    def rows(self, wanted: Filter = Filter()) -> Iterator[InspectionRow]:
        """All rows, a few hundred in memory at a time; the writer is never held up by a long walk."""
        after = 0
        while True:
            query = select(InspectionRow).where(InspectionRow.sequence > after, *_conditions(wanted))
            with self._session() as session:
                portion = list(session.scalars(query.order_by(InspectionRow.sequence).limit(_AT_A_TIME)))
            yield from portion
            if len(portion) < _AT_A_TIME:
                return
            after = portion[-1].sequence

    def names_image(self, row: InspectionRow) -> bool:
        """Whether the row names its image at this moment: retention may be at work."""
        query = select(InspectionRow.image_path).where(InspectionRow.sequence == row.sequence)
        with self._session() as session:
            return session.scalar(query) is not None

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
        except SQLAlchemyError as error:
            raise unusable(self.engine.url, error) from None


def open_records(folder: Path, url: str | None = None) -> Records:
    """Open a records folder for reading; raises RecordError when there are none or they cannot be read."""
    where = database_url(folder, url)
    if where.get_backend_name() == "sqlite" and not Path(str(where.database)).is_file():
        raise RecordError(
            f"{folder}: no {FILE} in it", hint="give the folder named by `records.folder` of the line file"
        )
    engine = open_engine(where, read_only=True)
    name = where.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            version = schema_version(connection, name)
    except SQLAlchemyError as error:
        raise unusable(where, error) from None
    if version is None:
        raise RecordError(f"{name}: holds no records", hint="a line makes the tables when it first records")
    return Records(folder, engine)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.decision is not None:
        conditions.append(InspectionRow.decision == wanted.decision.value)
    if wanted.part_id is not None:
        conditions.append(InspectionRow.part_id == wanted.part_id)
    if wanted.source_id is not None:
        conditions.append(InspectionRow.source_id == wanted.source_id)
    if wanted.since is not None:
        conditions.append(InspectionRow.grabbed_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(InspectionRow.grabbed_at < wanted.until)
    return conditions
