"""The hash chain over everything that is written: each entry's hash takes in the hash of the entry before it.

    hash = SHA-256(previous hash, 32 bytes ‖ position, 8 bytes big-endian ‖ SHA-256(canonical content), 32 bytes)

Position 0 is the genesis entry of the database; inspections, acknowledgements and checkpoints follow, without a gap. Rows
that retention removes leave a checkpoint that says which positions went and the hashes on both sides, so that the rest
still joins up.

Seen from the database alone: an edited field, a deleted, inserted, moved or swapped row. Seen only against a head that was
kept elsewhere (the head file beside the database, or one noted from `records verify`): a tail that was cut off, and a chain
that was recomputed from some row to its end. Not seen: both at once, when the kept head was replaced as well; rows that were
never written; rows of before the chain that were deleted or put in between themselves. There is no secret in it: it proves
nothing about who wrote.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

ORIGIN = "0" * 64  # what the genesis entry follows
_MISSING = "are missing"


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a database's chain."""

    database_id: str  # of the genesis: another database is another chain
    position: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is stored, with its content hashed afresh."""

    what: str  # in words, e.g. "row 12 (part 4711)"
    position: int
    content_sha256: str  # of what is stored now
    previous_sha256: str  # as stored
    sha256: str  # as stored


@dataclass(frozen=True, slots=True)
class Removed:
    """Positions `first` to `last` that a checkpoint accounts for."""

    first: int
    last: int
    previous_sha256: str  # of the entry before `first`
    sha256: str  # of the entry `last`


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    position: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Intact:
    """A chain that holds."""

    length: int  # entries, those that checkpoints account for included
    sha256: str  # of the last one


def canonical(facts: Mapping[str, object]) -> bytes:
    """JSON with sorted keys, no spaces, ASCII only, moments in UTC to the microsecond: equal facts give equal bytes."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), default=_moment).encode("ascii")


def content_sha256(facts: Mapping[str, object]) -> str:
    """SHA-256 (hex) of the canonical facts."""
    return hashlib.sha256(canonical(facts)).hexdigest()


def link_sha256(previous_sha256: str, position: int, content: str) -> str:
    """The hash (hex) of an entry; `content` is the hex SHA-256 of its canonical facts."""
    told = bytes.fromhex(previous_sha256) + position.to_bytes(8, "big") + bytes.fromhex(content)
    return hashlib.sha256(told).hexdigest()


def verify(links: Iterable[Link], removed: Iterable[Removed] = (), heads: Iterable[Head] = ()) -> Break | Intact:
    """The first break, or the length; with `heads` that were kept elsewhere, a cut or replaced tail is a break too."""
    accounted = {gap.first: gap for gap in removed}
    walk = Walk(accounted.get, heads)
    for link in links:
        broken = walk.step(link)
        if broken is not None:
            return broken
    return walk.finish() or Intact(walk.next_position, walk.sha256)


class Walk:
    """A verification under way, entry by entry in the order of their positions."""

    def __init__(self, removed_from: Callable[[int], Removed | None], heads: Iterable[Head] = ()) -> None:
        """`removed_from` says what a checkpoint accounts for from a position on; `heads` must all be passed."""
        self._removed_from = removed_from
        self._heads = {head.position: head.sha256 for head in heads}
        self.next_position = 0
        self.sha256 = ORIGIN

    def step(self, link: Link) -> Break | None:
        """Take the next entry; says how the chain breaks there, if it does."""
        if not _hexadecimal(link.previous_sha256) or not _hexadecimal(link.sha256):
            return Break(link.position, link.what, "has no valid hash")
        if link.position < self.next_position:
            return Break(link.position, link.what, "stands where another entry stood: rows were swapped or put in")
        broken = self._bridge(link.position)
        if broken is not None:
            return broken
        if link_sha256(link.previous_sha256, link.position, link.content_sha256) != link.sha256:
            return Break(link.position, link.what, "was changed or moved after it was chained")
        if link.previous_sha256 != self.sha256:
            why = "does not follow the entry before it: that one was changed with its hashes, or this one was put in"
            return Break(link.position, link.what, why)
        return self._advance(link.position, link.sha256)

    def finish(self) -> Break | None:
        """Say whether the chain, of which nothing more comes, got as far as every kept head."""
        broken = self._bridge(max(self._heads, default=-1) + 1)
        if broken is None or broken.why != _MISSING:
            return broken
        return Break(broken.position, broken.what, f"{_MISSING}: the tail was cut off")

    def _bridge(self, position: int) -> Break | None:
        """Cross what checkpoints account for, up to a position that is there."""
        while self.next_position < position:
            gap = self._removed_from(self.next_position)
            if gap is None or gap.last >= position:
                return Break(self.next_position, _entries(self.next_position, position - 1), _MISSING)
            if gap.previous_sha256 != self.sha256:
                why = "do not follow the entry before them: that one was changed with its hashes"
                return Break(gap.first, _entries(gap.first, gap.last), why)
            broken = self._advance(gap.last, gap.sha256)
            if broken is not None:
                return broken
        return None

    def _advance(self, position: int, sha256: str) -> Break | None:
        self.next_position, self.sha256 = position + 1, sha256
        if self._heads.get(position, sha256) == sha256:
            return None
        return Break(position, f"entry {position}", "is not the one of the kept head: what came before was rewritten")


def _entries(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first}–{last}"


def _hexadecimal(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)


def _moment(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no place in a record")
    return value.astimezone(UTC).isoformat(timespec="microseconds")
