"""The end of the chain in the database, and how it is moved: one transaction appends, and nobody else at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import cast

from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, update

from lineproof.errors import RecordError
from lineproof.records.chain import Head, link_sha256
from lineproof.records.entries import Entry, entry_sha256
from lineproof.records.model import EntryRow, HeadRow

_TABLE = cast("Table", HeadRow.__table__)
_HEAD = select(_TABLE.c.database_id, _TABLE.c.position, _TABLE.c.chain_sha256)
_ADD_ENTRIES = insert(cast("Table", EntryRow.__table__))
_MOVE = (
    update(_TABLE)
    .where(_TABLE.c.position == bindparam("old_position"), _TABLE.c.chain_sha256 == bindparam("old_sha256"))
    .values(position=bindparam("new_position"), chain_sha256=bindparam("new_sha256"))
)


class MovedOn(Exception):
    """Somebody else appended in the meantime."""


class Ledger:
    """The head as last seen; whatever fails, it is read again before the next attempt."""

    def __init__(self, engine: Engine) -> None:
        """See `head`."""
        self._engine = engine
        self._head: Head | None = None
        # Sent as text, compiled here once: what SQLAlchemy does for each call else costs ten times the update itself.
        compiled = _MOVE.compile(dialect=engine.dialect)
        self._move, self._order = str(compiled), compiled.positiontup

    @property
    def head(self) -> Head:
        """The last entry; asked of the database only when not known. Raises SQLAlchemyError, RecordError."""
        if self._head is None:
            with self._engine.connect() as connection:
                self._head = read_head_row(connection)
        return self._head

    def forget(self) -> None:
        """Ask the database again next time."""
        self._head = None

    def link(self, contents: Sequence[str]) -> list[dict[str, object]]:
        """Chain columns for entries with these content hashes, to be appended in this order."""
        sha256, position = self.head.sha256, self.head.position
        columns: list[dict[str, object]] = []
        for content in contents:
            previous, position = sha256, position + 1
            sha256 = link_sha256(previous, position, content)
            columns.append({"position": position, "previous_sha256": previous, "chain_sha256": sha256})
        return columns

    def move(self, connection: Connection, last: dict[str, object]) -> Head:
        """Make `last` the head, if the head is still the one it was linked to; holds off other writers until the commit.

        Raises:
            MovedOn: it is another one by now.
        """
        old = self.head
        new = Head(old.database_id, int(str(last["position"])), str(last["chain_sha256"]))
        ends = {"old_position": old.position, "old_sha256": old.sha256}
        ends |= {"new_position": new.position, "new_sha256": new.sha256}
        told = ends if self._order is None else tuple(ends[name] for name in self._order)  # names or places
        if connection.exec_driver_sql(self._move, told).rowcount != 1:
            raise MovedOn
        return new

    def append(self, work: Callable[[Connection], Head]) -> None:
        """One transaction, in which `work` appends and returns the new head; whatever it raises is passed on."""
        with ExitStack() as undo:
            undo.callback(self.forget)  # the answer to a commit may have been lost
            with self._engine.begin() as connection:
                head = work(connection)
            undo.pop_all()
        self._head = head

    def add_entries(self, connection: Connection, entries: Sequence[Entry]) -> Head:
        """Append entries in the connection's transaction; raises MovedOn."""
        linked = [
            told | link for told, link in zip(entries, self.link([entry_sha256(e) for e in entries]), strict=True)
        ]
        head = self.move(connection, linked[-1])
        connection.execute(_ADD_ENTRIES, linked)
        return head


def read_head_row(connection: Connection) -> Head:
    """The head that the database names; raises RecordError when somebody removed it."""
    found = connection.execute(_HEAD).one_or_none()
    if found is None:
        raise RecordError(
            "the records' chain has no head: the row of `chain_head` was removed", hint="restore a backup"
        )
    return Head(*found)
