"""Rows that retention removes: with their acknowledgements, and never without a checkpoint in the chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Engine, delete, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from lineproof.records.chain import Head
from lineproof.records.entries import Kind, gaps_between, removed, subject_of
from lineproof.records.ledger import Ledger, MovedOn
from lineproof.records.model import EntryRow, InspectionRow

_CHUNK = 450  # of pairs: SQLite's oldest builds take 999 variables in one statement


def forget_rows(engine: Engine, ledger: Ledger, before: datetime, limit: int) -> int:
    """Remove the oldest rows that were grabbed before, and have no image; says how many. Raises SQLAlchemyError."""
    old = (
        select(
            InspectionRow.sequence,
            InspectionRow.position,
            InspectionRow.previous_sha256,
            InspectionRow.chain_sha256,
            InspectionRow.session,
            InspectionRow.seq,
        )
        .where(InspectionRow.grabbed_at < before, InspectionRow.image_path.is_(None))
        .order_by(InspectionRow.grabbed_at)
        .limit(limit)
    )
    with engine.connect() as connection:
        rows = connection.execute(old).all()
    if not rows:
        return 0
    chained = [(row.position, row.previous_sha256, row.chain_sha256) for row in rows if row.position is not None]
    numbers = [row.sequence for row in rows]
    triggers = sorted({(row.session, row.seq) for row in rows if row.session is not None and row.seq is not None})

    def forget(connection: Connection) -> Head:
        receipts = _receipts(connection, triggers, set(numbers))
        gaps = gaps_between(sorted([*chained, *receipts]))
        checkpoint = removed(gaps, len(rows) - len(chained), before, datetime.now(UTC))
        head = ledger.add_entries(connection, [checkpoint])  # first: it holds off other writers
        gone = _delete(connection, InspectionRow.sequence, numbers)
        gone += _delete(connection, EntryRow.position, [position for position, *_ in receipts])
        if gone != len(numbers) + len(receipts):
            raise MovedOn  # another writer of this database removed some of them
        return head

    try:
        ledger.append(forget)
    except MovedOn:
        return 0  # the next step looks again
    return len(rows)


def _receipts(
    connection: Connection, triggers: Sequence[tuple[int, int]], going: set[int]
) -> list[tuple[int, str, str]]:
    """Position and hashes of the acknowledgements of triggers of which no row stays (a part may have several views)."""
    found: list[tuple[int, str, str]] = []
    for start in range(0, len(triggers), _CHUNK):
        chunk = triggers[start : start + _CHUNK]
        rows = select(InspectionRow.session, InspectionRow.seq, InspectionRow.sequence).where(
            tuple_(InspectionRow.session, InspectionRow.seq).in_(chunk)
        )
        stay = {(session, seq) for session, seq, number in connection.execute(rows) if number not in going}
        subjects = [subject_of(*trigger) for trigger in chunk if trigger not in stay]
        wanted = select(EntryRow.position, EntryRow.previous_sha256, EntryRow.chain_sha256).where(
            EntryRow.kind == Kind.ACKNOWLEDGED.value, EntryRow.subject.in_(subjects)
        )
        found += [(position, previous, sha256) for position, previous, sha256 in connection.execute(wanted)]
    return found


def _delete(connection: Connection, column: InstrumentedAttribute[int], numbers: Sequence[int]) -> int:
    """Remove rows by number; says how many there were."""
    gone = 0
    for start in range(0, len(numbers), _CHUNK):
        chosen: ColumnElement[bool] = column.in_(numbers[start : start + _CHUNK])
        gone += int(connection.execute(delete(column.class_).where(chosen)).rowcount)
    return gone
