"""The check with known parts: a station shows at set times that it still judges them as it must.

It says that the station is alive and sees, not how much escapes: one that misses 5 % passes a check of ten parts six
times in ten. IATF 16949, 10.2.4 asks for such a check and for a plan of what happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lineproof.core.station import Outcome


@dataclass(frozen=True, slots=True)
class KnownParts:
    """What is checked, how often, and what happens when it is not."""

    expected: Mapping[str, Outcome] = field(
        default_factory=lambda: MappingProxyType({})
    )  # part_id → its one right answer
    every_parts: int | None = None  # answers between two checks
    every_ms: float | None = None
    grace_ms: float = 0.0  # from due to overdue
    overdue_stops: bool = True  # no other part is inspected; else a warning

    @property
    def asked(self) -> bool:
        """Whether there is anything to check."""
        return bool(self.expected)


@dataclass(frozen=True, slots=True)
class Check:
    """How far the check has come; at first it is due, as it is with another bundle or line file."""

    right: frozenset[str] = frozenset()  # known parts judged as they must be, in this round
    ended_ns: int | None = None  # of the last round; None: none yet
    due_ns: int | None = None  # since when the next one is due; None: not yet
    parts: int = 0  # other parts inspected since the last round
    failed: bool = False  # a known part was judged wrong, and the round after it has not ended

    def passed_by(self, known: KnownParts, now_ns: int) -> Check:
        """The same a while later."""
        if self.due_ns is not None or not self._is_due(known, now_ns):
            return self
        return replace(self, due_ns=now_ns)

    def _is_due(self, known: KnownParts, now_ns: int) -> bool:
        if not known.asked:
            return False
        if self.ended_ns is None:
            return True
        too_many = known.every_parts is not None and self.parts >= known.every_parts
        return too_many or (known.every_ms is not None and now_ns - self.ended_ns >= known.every_ms * 1e6)

    def is_overdue(self, known: KnownParts, now_ns: int) -> bool:
        """Due for longer than the grace that is given; after a wrong answer there is none."""
        return self.failed or (self.due_ns is not None and now_ns - self.due_ns >= known.grace_ms * 1e6)

    def judged(self, known: KnownParts, part_id: str, outcome: Outcome, now_ns: int) -> Check:
        """One part has its answer; a known one that was not inspected is to be shown again, a wrong one begins the round anew."""
        if not outcome.inspected:
            return self
        if part_id not in known.expected:
            return replace(self, parts=self.parts + 1)
        if outcome is not known.expected[part_id]:
            return replace(self, right=frozenset(), due_ns=self.due_ns or now_ns, failed=True)
        right = self.right | {part_id}
        return Check(ended_ns=now_ns) if right == known.expected.keys() else replace(self, right=right)

    def left(self, known: KnownParts) -> tuple[str, ...]:
        """Known parts that are still to be shown, in the line file's order."""
        return tuple(part_id for part_id in known.expected if part_id not in self.right)
