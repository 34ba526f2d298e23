"""The records of one run, told apart from those that were there before; which of them have a picture to replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from lineproof.records.model import InspectionRow
from lineproof.records.read import Records

_AT_A_TIME = 500


def last_sequence(records: Records) -> int:
    """Of the newest row; 0 where there is none."""
    newest = records.last(1)
    return newest[-1].sequence if newest else 0


def rows_after(records: Records, sequence: int) -> Iterator[InspectionRow]:
    """Everything written since, in order."""
    while True:
        query = select(InspectionRow).where(InspectionRow.sequence > sequence).order_by(InspectionRow.sequence)
        with Session(records.engine, expire_on_commit=False) as session:
            portion = list(session.scalars(query.limit(_AT_A_TIME)))
        yield from portion
        if len(portion) < _AT_A_TIME:
            return
        sequence = portion[-1].sequence


def replayable(rows: Sequence[InspectionRow]) -> list[int]:
    """Sequence numbers of the rows whose picture was kept and that an inference led to."""
    return [row.sequence for row in rows if row.image_path and not (row.decision == "FAULT" and row.infer_ms == 0)]
