"""The query side: rows by time, part and decision, while the line goes on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from lineproof.core import Decision
from lineproof.errors import RecordError
from lineproof.records.chain import Head, Removed
from lineproof.records.database import FILE, SCHEMA, database_url, open_engine, schema_version, unusable
from lineproof.records.entries import Kind, gaps_of, subject_of
from lineproof.records.ledger import read_head_row
from lineproof.records.model import EntryRow, InspectionRow

_AT_A_TIME = 500
_LONGEST_NUMBER = 15  # digits; an id that is all digits is longer
_SHORTEST_START = 8  # characters of an id, where they are all digits: fewer can only be meant as a number


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

    def find(self, name: str) -> InspectionRow:
        """The row of a sequence number, an inspection's id or the unmistakable start of one; raises RecordError."""
        number = name.isdecimal() and len(name) <= _LONGEST_NUMBER
        wanted = [InspectionRow.inspection_id == name]
        if not number or len(name) >= _SHORTEST_START:
            wanted.append(InspectionRow.inspection_id.startswith(name, autoescape=True))
        if number:
            wanted.append(InspectionRow.sequence == int(name))
        with self._session() as session:
            rows = list(session.scalars(select(InspectionRow).where(or_(*wanted)).limit(_AT_A_TIME)))
        exact = [row for row in rows if row.inspection_id == name or str(row.sequence) == name] or rows
        if not exact:
            raise RecordError(f"{self.folder}: no record {name}", hint="`lineproof records list` shows their numbers")
        if len(exact) > 1:
            raise RecordError(f"{self.folder}: {len(exact)} records begin with {name}", hint="give more of the id")
        return exact[0]

    def acknowledgement(self, row: InspectionRow) -> EntryRow | None:
        """The controller's receipt of this row's result."""
        if row.session is None or row.seq is None:
            return None
        subject = subject_of(row.session, row.seq)
        query = select(EntryRow).where(EntryRow.kind == Kind.ACKNOWLEDGED.value, EntryRow.subject == subject)
        with self._session() as session:
            return session.scalars(query).first()

    def head(self) -> Head:
        """The end of the chain as the database names it."""
        with self._session() as session:
            return read_head_row(session.connection())

    def entries(self, end: int) -> Iterator[EntryRow]:
        """What the chain holds beside inspections before position `end`, in order, a few hundred in memory at a time."""
        first = 0
        while True:
            query = select(EntryRow).where(EntryRow.position >= first, EntryRow.position < end)
            with self._session() as session:
                portion = list(session.scalars(query.order_by(EntryRow.position).limit(_AT_A_TIME)))
            yield from portion
            if len(portion) < _AT_A_TIME:
                return
            first = portion[-1].position + 1

    def removed(self) -> dict[int, Removed]:
        """What checkpoints account for, by the first position of each gap."""
        query = select(EntryRow).where(EntryRow.kind == Kind.REMOVED.value)
        with self._session() as session:
            return {gap.first: gap for row in session.scalars(query) for gap in gaps_of(row.facts)}

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
    if version < SCHEMA:
        raise RecordError(
            f"{name}: made by an older lineproof (schema {version}, this one reads {SCHEMA})",
            hint=f"the line brings it up to date when it starts, or `lineproof records upgrade {folder}`",
        )
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
