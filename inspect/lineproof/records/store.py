"""What the writer asks of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from lineproof.core import Decision
from lineproof.errors import RecordError
from lineproof.records.chain import Head
from lineproof.records.database import ensure_schema
from lineproof.records.entries import Entry, Kind
from lineproof.records.ledger import Ledger, MovedOn
from lineproof.records.model import EntryRow, InspectionRow
from lineproof.records.row_removal import forget_rows

# Half of what SQLite takes as variables of one statement in its oldest builds.
_CHUNK = 450
# Writers of other folders may share a server; each attempt of theirs that came first costs us one.
_TRIES = 50
_ADD_ROWS = insert(cast("Table", InspectionRow.__table__))


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
        self._ledger = Ledger(engine)

    @property
    def head(self) -> Head:
        """The end of the chain as far as this writer knows it."""
        return self._ledger.head

    def insert(self, rows: Sequence[dict[str, object]]) -> None:
        """Chain and write rows; one that is there already (the answer to an earlier attempt was lost) is left as it is."""
        self._remade_if_removed()
        left = list(rows)
        for _ in range(_TRIES):
            if not left:
                return
            try:
                self._append_rows(left)
            except IntegrityError:
                unwritten = self._unwritten(left)
                if len(unwritten) == len(left):
                    raise
                left = unwritten
            except MovedOn:
                continue
            else:
                return
        raise RecordError("other writers of this database always come first")

    def add_entries(self, entries: Sequence[Entry]) -> None:
        """Chain and write entries; an acknowledgement that is there already is left as it is."""
        self._remade_if_removed()
        for _ in range(_TRIES):
            known = self._acknowledged([str(told["subject"]) for told in entries])
            left = [told for told in entries if (told["kind"], told["subject"]) not in known]
            if not left:
                return
            try:
                self._ledger.append(partial(self._ledger.add_entries, entries=left))
            except MovedOn:
                continue
            else:
                return
        raise RecordError("other writers of this database always come first")

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

    def images_removed_since(self, moment: datetime) -> list[tuple[datetime, str]]:
        """Grab and inspection id of rows whose images retention let go since then."""
        wanted = select(InspectionRow.grabbed_at, InspectionRow.inspection_id)
        with self._engine.connect() as connection:
            found = connection.execute(wanted.where(InspectionRow.image_removed_at >= moment))
            return [(grabbed_at, inspection_id) for grabbed_at, inspection_id in found]

    def named_images(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths that a row names."""
        named: set[str] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(paths), _CHUNK):
                wanted = InspectionRow.image_path.in_(paths[start : start + _CHUNK])
                found = connection.execute(select(InspectionRow.image_path).where(wanted))
                named.update(path for (path,) in found if path is not None)
        return named

    def chain_sha256(self, position: int) -> str | None:
        """The hash at a position of the chain; None where retention removed it or nothing was ever written."""
        with self._engine.connect() as connection:
            for row in (InspectionRow, EntryRow):
                found = connection.execute(select(row.chain_sha256).where(row.position == position)).scalar()
                if found is not None:
                    return str(found)
        return None

    def forget_rows(self, before: datetime, limit: int) -> int:
        """Remove the oldest rows without an image, and leave a checkpoint in the chain; says how many."""
        return forget_rows(self._engine, self._ledger, before, limit)

    def _append_rows(self, rows: Sequence[dict[str, object]]) -> None:
        links = self._ledger.link([str(row["row_sha256"]) for row in rows])
        linked = [row | link for row, link in zip(rows, links, strict=True)]

        def append(connection: Connection) -> Head:
            head = self._ledger.move(connection, links[-1])
            connection.execute(_ADD_ROWS, linked)
            return head

        self._ledger.append(append)

    def _unwritten(self, rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
        """Rows that are not there yet, each once."""
        unique = {str(row["inspection_id"]): row for row in reversed(rows)}
        for start in range(0, len(rows), _CHUNK):
            wanted = [str(row["inspection_id"]) for row in rows[start : start + _CHUNK]]
            there = select(InspectionRow.inspection_id).where(InspectionRow.inspection_id.in_(wanted))
            with self._engine.connect() as connection:
                for (known,) in connection.execute(there):
                    unique.pop(known, None)
        return list(unique.values())[::-1]

    def _acknowledged(self, subjects: Sequence[str]) -> set[tuple[str, str]]:
        known: set[tuple[str, str]] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(subjects), _CHUNK):
                there = select(EntryRow.kind, EntryRow.subject).where(
                    EntryRow.kind == Kind.ACKNOWLEDGED.value, EntryRow.subject.in_(subjects[start : start + _CHUNK])
                )
                known.update((kind, subject) for kind, subject in connection.execute(there))
        return known

    def _remade_if_removed(self) -> None:
        """Somebody removed the file: rows must not go into a deleted one."""
        if self._file is not None and not self._file.exists():
            self.renew()
            self._ledger.forget()
            ensure_schema(self._engine)
