"""The chain of a database that may be written to meanwhile: rows and entries in the order of their positions."""

from __future__ import annotations

from lineproof.records.chain import Break, Head, Link, Walk
from lineproof.records.entries import Kind, entry_sha256
from lineproof.records.head_file import read_head
from lineproof.records.model import HASHED, HASHED_BEFORE_CHAIN, EntryRow, InspectionRow
from lineproof.records.read import Records
from lineproof.records.rows import row_sha256


class ChainCheck:
    """Takes rows in the order of writing; what was appended after the start is left to the next check."""

    def __init__(self, records: Records, noted: Head | None = None) -> None:
        """`noted` is a head that was kept elsewhere; raises RecordError when the database cannot be read."""
        self._records = records
        self._breaks: list[Break] = []
        self._foreign: list[Break] = []
        self._last_before = 0
        self.kept: Head | None = None
        # The head file first: it is never ahead of a database that is read later.
        database_id = records.head().database_id
        try:
            self.kept = read_head(records.folder, database_id)
        except OSError as error:
            self._foreign.append(Break(0, "head file", f"cannot be read ({error.strerror})"))
        self.head = records.head()
        self._removed = records.removed()
        heads = [head for head in (self.kept, noted, self.head) if head is not None]
        self._walk = Walk(self._removed.get, heads)
        self._entries = records.entries(self.head.position + 1)
        self._entry = next(self._entries, None)

    @property
    def length(self) -> int:
        """Entries that hold, those that checkpoints account for included."""
        return self._walk.next_position

    @property
    def overtaken(self) -> bool:
        """Retention removed rows since the start: what seems to be missing may be in a later checkpoint."""
        return self._records.removed().keys() != self._removed.keys()

    def take(self, row: InspectionRow) -> None:
        """Check the row and what the chain holds before it."""
        if row.position is None:
            self._check_before(row)
        elif row.position <= self.head.position and not self._breaks:
            self._take_entries(row.position)
            content = row_sha256(facts_of(row))
            self._step(Link(name_of(row), row.position, content, row.previous_sha256 or "", row.chain_sha256 or ""))

    def finish(self) -> list[Break]:
        """All rows were taken; everything that is wrong with the chain, its first break last."""
        self._take_entries(self.head.position + 1)
        if not self._breaks:
            broken = self._walk.finish()
            self._breaks = [] if broken is None else [broken]
        return [*self._foreign, *self._breaks]

    def _take_entries(self, end: int) -> None:
        while self._entry is not None and self._entry.position < end and not self._breaks:
            row, self._entry = self._entry, next(self._entries, None)
            what = f"entry {row.position} ({row.kind})"
            told = {"kind": row.kind, "subject": row.subject, "facts": row.facts}
            self._step(Link(what, row.position, entry_sha256(told), row.previous_sha256, row.chain_sha256))
            self._remember(row)

    def _step(self, link: Link) -> None:
        broken = self._walk.step(link)
        if broken is not None:
            self._breaks.append(broken)

    def _remember(self, row: EntryRow) -> None:
        if row.kind == Kind.GENESIS:
            self._last_before = int(row.facts["last_sequence"])
        if row.kind == Kind.TAIL_LOST:
            kept, found = row.facts["kept"][0], row.facts["found"][0]
            why = f"says that entries up to {kept} had been written when only {found} were found, or others"
            self._foreign.append(Break(row.position, f"entry {row.position}", why))

    def _check_before(self, row: InspectionRow) -> None:
        """A row without a place in the chain must be older than the chain."""
        self._take_entries(1)
        if row.sequence > self._last_before:
            self._foreign.append(Break(0, name_of(row), "has no place in the chain and is no older than it: put in"))


def name_of(row: InspectionRow) -> str:
    """How a row is named to people."""
    return f"row {row.sequence} (part {row.part_id})"


def facts_of(row: InspectionRow) -> dict[str, object]:
    """Every hashed column of a row."""
    return {name: getattr(row, name) for name in HASHED}


def names_of(row: InspectionRow) -> tuple[str, ...]:
    """The columns that its own checksum is over."""
    return HASHED if row.position is not None else HASHED_BEFORE_CHAIN
