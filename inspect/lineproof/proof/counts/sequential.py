"""Wald's sequential probability ratio test, fed bad part by bad part (Wald, Annals of Mathematical Statistics 1945).

Two rates are told apart: `good`, which should be accepted, and `bad`, which must not be. The test may be looked at
after every part without spoiling it, and it ends for good at the first part that crosses a boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor, log, log1p
from pathlib import Path
from typing import NamedTuple

from lineproof.errors import InputError
from lineproof.proof.counts.planner import Stage, chance_of_acceptance
from lineproof.proof.table import read_table

_MISSED = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}


class Conclusion(StrEnum):
    """What the parts so far allow to say."""

    ACCEPT = "accept"
    REJECT = "reject"
    GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """The two escape rates and Wald's two risks: alpha of rejecting the good one, beta of accepting the bad one.

    Wald's boundaries keep the two risks near what they say, and their sum below it; `chance_of_acceptance` is exact.

    Raises:
        ValueError: not 0 < good < bad < 1, or risks that are not positive with a sum below 1.
    """

    good: float
    bad: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.good < self.bad < 1:
            raise ValueError(f"expected 0 < good < bad < 1, got good {self.good} and bad {self.bad}")
        if not (self.alpha > 0 and self.beta > 0 and self.alpha + self.beta < 1):
            raise ValueError(f"expected risks above 0 with a sum below 1, got {self.alpha} and {self.beta}")

    @property
    def accept_at(self) -> float:
        """Log likelihood ratio, bad over good, at or below which the system is accepted."""
        return log(self.beta / (1 - self.alpha))

    @property
    def reject_at(self) -> float:
        """Log likelihood ratio at or above which it is rejected."""
        return log((1 - self.beta) / self.alpha)

    @property
    def per_miss(self) -> float:
        """What one missed part adds to the log likelihood ratio."""
        return log(self.bad / self.good)

    @property
    def per_hit(self) -> float:
        """What one part that was not missed adds: a little below 0."""
        return log1p(-self.bad) - log1p(-self.good)

    def accepted_from(self, misses: int) -> int:
        """Number of parts from which so many misses are accepted."""
        return misses + ceil((misses * self.per_miss - self.accept_at) / -self.per_hit)

    def rejected_up_to(self, misses: int) -> int:
        """Number of parts up to which so many misses are rejected; below `misses` when they never are."""
        return misses + floor((misses * self.per_miss - self.reject_at) / -self.per_hit)

    def chance_of_acceptance(self, true_rate: float) -> float:
        """Exact chance that a system with this escape rate is accepted in the end.

        At `bad` it is 5.1 % for risks of 5 % at 0.2 % against 1 %: Wald's formulas leave the overshoot out.
        """
        return chance_of_acceptance(self._looks(), true_rate)

    def start(self) -> Progress:
        """Before the first part."""
        return Progress(self, 0, 0)

    def _looks(self) -> Iterator[Stage]:
        """The numbers of parts at which one of the limits moves, without end: between them nothing can change.

        More misses are accepted from a look on, so they are asked for where that begins; fewer are rejected after one,
        so whoever reached them since the last look is found where that ends.
        """
        parts, accepted, rejected = 0, -1, 0
        while True:
            while self.rejected_up_to(rejected) <= max(parts, rejected - 1):
                rejected += 1
            parts = min(self.accepted_from(accepted + 1), self.rejected_up_to(rejected))
            if self.accepted_from(accepted + 1) == parts:
                accepted += 1
            yield Stage(parts, accepted, rejected)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a test stands; `after` gives the next state and changes nothing."""

    test: SequentialTest
    parts: int
    misses: int

    @property
    def log_ratio(self) -> float:
        """Log likelihood ratio, bad over good."""
        return self.misses * self.test.per_miss + (self.parts - self.misses) * self.test.per_hit

    @property
    def conclusion(self) -> Conclusion:
        """Accept, reject or go on."""
        if self.parts >= self.test.accepted_from(self.misses):
            return Conclusion.ACCEPT
        if self.parts <= self.test.rejected_up_to(self.misses):
            return Conclusion.REJECT
        return Conclusion.GO_ON

    @property
    def more_to_accept(self) -> int:
        """Parts still needed for acceptance when none of them is missed."""
        return max(self.test.accepted_from(self.misses) - self.parts, 0)

    @property
    def misses_to_reject(self) -> int:
        """Misses in a row that would end the test with a rejection; 0 when it has."""
        more = 0
        while self.parts + more > self.test.rejected_up_to(self.misses + more):
            more += 1
        return more

    def after(self, *, missed: bool) -> Progress:
        """The state after one more bad part.

        Raises:
            ValueError: the test has ended; what comes later must not change its answer.
        """
        if self.conclusion is not Conclusion.GO_ON:
            raise ValueError(f"the test ended with {self.conclusion} after {self.parts} parts")
        return Progress(self.test, self.parts + 1, self.misses + missed)

    def as_dict(self) -> dict[str, object]:
        """For JSON; what is needed for an end is null when it has come."""
        going = self.conclusion is Conclusion.GO_ON
        return {
            "good": self.test.good,
            "bad": self.test.bad,
            "parts": self.parts,
            "misses": self.misses,
            "log_ratio": round(self.log_ratio, 6),
            "accept_at": round(self.test.accept_at, 6),
            "reject_at": round(self.test.reject_at, 6),
            "conclusion": self.conclusion.value,
            "more_to_accept": self.more_to_accept if going else None,
            "misses_to_reject": self.misses_to_reject if going else None,
        }


def follow(test: SequentialTest, missed: Iterable[bool]) -> Progress:
    """The state after these parts, in their order; parts after the end of the test are not looked at."""
    state = test.start()
    for one in missed:
        if state.conclusion is not Conclusion.GO_ON:
            break
        state = state.after(missed=one)
    return state


class LoggedPart(NamedTuple):
    """One row of a log: a bad part, and whether it passed."""

    part: str
    missed: bool


def read_log(path: Path) -> tuple[LoggedPart, ...]:
    """A CSV file with the columns `part` and `missed` (0/1, no/yes, false/true), one bad part a row, oldest first.

    Further columns are left alone. A log that is still being written may be read.

    Raises:
        InputError: no such file, no text, a column or a value that is missing or unknown, or a part that comes twice.
    """
    lines: dict[str, int] = {}
    found = []
    for line, cells in read_table(path, ("part", "missed"), hint="first line: part,missed"):
        where = f"{path}, line {line}"
        part, word = cells["part"], cells["missed"].lower()
        if not part:
            raise InputError(f"{where}: part is empty", hint="every part needs its id")
        if word not in _MISSED:
            raise InputError(
                f"{where}: missed is {word!r}", hint="1 for a bad part that passed, 0 for one that did not"
            )
        if part in lines:
            raise InputError(f"{where}: part {part!r} is on line {lines[part]} already", hint="a part counts once")
        lines[part] = line
        found.append(LoggedPart(part, _MISSED[word]))
    return tuple(found)
