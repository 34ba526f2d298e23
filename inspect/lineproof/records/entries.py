"""What the chain holds beside inspections, as the columns of `EntryRow`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from lineproof.records.chain import ORIGIN, Removed, content_sha256, link_sha256
from lineproof.records.cycle import Acknowledgement


class Kind(StrEnum):
    """Of an entry that is no inspection."""

    GENESIS = "genesis"  # the subject is the database's id
    ACKNOWLEDGED = "acknowledged"  # the subject is session:seq
    REMOVED = "removed"  # a checkpoint: retention removed rows
    TAIL_LOST = "tail_lost"  # a start found less than the head file says was written


Entry = dict[str, object]


def entry(kind: Kind, subject: str, facts: Mapping[str, object]) -> Entry:
    """An entry that has no place in the chain yet."""
    return {"kind": kind.value, "subject": subject, "facts": dict(facts)}


def entry_sha256(told: Mapping[str, object]) -> str:
    """The content's hash of an entry or of its row."""
    return content_sha256({name: told[name] for name in ("kind", "subject", "facts")})


def genesis(*, rows_before: int, last_sequence: int) -> Entry:
    """The first entry of a new chain; the rows that were there before it are counted, not vouched for."""
    facts = {"rows_before": rows_before, "last_sequence": last_sequence, "began_at": _utc(datetime.now(UTC))}
    first = entry(Kind.GENESIS, uuid.uuid4().hex, facts)
    sha256 = link_sha256(ORIGIN, 0, entry_sha256(first))
    return first | {"position": 0, "previous_sha256": ORIGIN, "chain_sha256": sha256}


def acknowledged(receipt: Acknowledgement, boot: str) -> Entry:
    """The controller's receipt; `boot` is the run of the machine that its monotonic time belongs to."""
    facts = {"read_ns": receipt.read.ns, "read_at": _utc(receipt.read.at), "boot_id": boot}
    return entry(Kind.ACKNOWLEDGED, subject_of(receipt.session, receipt.seq), facts)


def subject_of(session: int, seq: int) -> str:
    """How an acknowledgement names its trigger."""
    return f"{session}:{seq}"


def removed(gaps: Sequence[Removed], before_chain: int, older_than: datetime, now: datetime) -> Entry:
    """The checkpoint of rows that retention removes: which positions, and the hashes on both sides of each gap."""
    facts = {
        "gaps": [[gap.first, gap.last, gap.previous_sha256, gap.sha256] for gap in gaps],
        "before_chain": before_chain,
        "older_than": _utc(older_than),
        "removed_at": _utc(now),
    }
    return entry(Kind.REMOVED, "", facts)


def gaps_of(facts: Mapping[str, list[tuple[int, int, str, str]]]) -> list[Removed]:
    """The gaps that a checkpoint's facts account for."""
    return [Removed(*gap) for gap in facts["gaps"]]


def gaps_between(gone: Sequence[tuple[int, str, str]]) -> list[Removed]:
    """Removed entries (position, previous hash, hash), by position, as gaps that are as long as can be."""
    gaps: list[Removed] = []
    for position, previous, sha256 in gone:
        if gaps and gaps[-1].last == position - 1:
            gaps[-1] = Removed(gaps[-1].first, position, gaps[-1].previous_sha256, sha256)
        else:
            gaps.append(Removed(position, position, previous, sha256))
    return gaps


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
