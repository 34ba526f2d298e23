"""What the writer asks of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, Executable, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lineproof.core import Decision
from lineproof.records.database import ensure_schema
from lineproof.records.model import InspectionRow

# Half of what SQLite takes as variables of one statement in its oldest builds.
_CHUNK = 450


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that a row names."""

    sequence: int
    path: str  # below the records folder
    size_bytes: int
    grabbed_at: datetime


class Store:
    """Rows in, images out of rows; every method is one transaction and raises SQLAlchemyError when it failed."""

    def __init__(self, engine: Engine) -> None:
        """Check and prepare the database; raises RecordError when it cannot be used."""
        self._engine = engine
        database = engine.url.database
        self._file = Path(database) if engine.dialect.name == "sqlite" and database else None
        self.new = ensure_schema(engine)

    def insert(self, rows: Sequence[dict[str, object]]) -> None:
        """Write rows; one that is there already (the answer to an earlier attempt was lost) is left as it is."""
        if self._file is not None and not self._file.exists():
            self.renew()
            ensure_schema(self._engine)  # somebody removed the file: rows must not go into a deleted one
        with self._engine.begin() as connection:
            connection.execute(self._insertion(), rows)

    def renew(self) -> None:
        """Throw the connections away: the next call makes fresh ones."""
        self._engine.dispose()

    def image_bytes(self) -> int:
        """All images that rows name, in bytes."""
        with self._engine.connect() as connection:
            total = select(func.sum(InspectionRow.image_bytes)).where(InspectionRow.image_path.is_not(None))
            return int(connection.execute(total).scalar() or 0)

    def oldest_images(self, decision: Decision, limit: int) -> list[KeptImage]:
        """The images of one decision, oldest first."""
        columns = (
            InspectionRow.sequence,
            InspectionRow.image_path,
            InspectionRow.image_bytes,
            InspectionRow.grabbed_at,
        )
        wanted = (
            select(*columns)
            .where(InspectionRow.decision == decision.value, InspectionRow.image_path.is_not(None))
            .order_by(InspectionRow.sequence)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).all()
        return [KeptImage(sequence, path or "", size or 0, moment) for sequence, path, size, moment in rows]

    def forget_images(self, images: Sequence[KeptImage], now: datetime) -> None:
        """Let no row name these any more; the files may go afterwards."""
        with self._engine.begin() as connection:
            for start in range(0, len(images), _CHUNK):
                numbers = [image.sequence for image in images[start : start + _CHUNK]]
                forget = update(InspectionRow).where(InspectionRow.sequence.in_(numbers))
                connection.execute(forget.values(image_path=None, image_removed_at=now))

    def named_images(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths that a row names."""
        named: set[str] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(paths), _CHUNK):
                wanted = InspectionRow.image_path.in_(paths[start : start + _CHUNK])
                found = connection.execute(select(InspectionRow.image_path).where(wanted))
                named.update(path for (path,) in found if path is not None)
        return named

    def _insertion(self) -> Executable:
        if self._engine.dialect.name == "sqlite":
            return sqlite.insert(InspectionRow).on_conflict_do_nothing(index_elements=["inspection_id"])
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(InspectionRow).on_conflict_do_nothing(index_elements=["inspection_id"])
        return insert(InspectionRow)

    def forget_rows(self, before: datetime, limit: int) -> int:
        """Remove the oldest rows without an image; says how many."""
        old = (
            select(InspectionRow.sequence)
            .where(InspectionRow.grabbed_at < before, InspectionRow.image_path.is_(None))
            .order_by(InspectionRow.grabbed_at)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            gone = connection.execute(delete(InspectionRow).where(InspectionRow.sequence.in_(old.scalar_subquery())))
            return int(gone.rowcount)
