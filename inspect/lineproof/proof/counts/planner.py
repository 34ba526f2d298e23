"""How many parts to collect, what counts then prove, and what a shipping target asks for.

A plan is a number of bad parts and of misses allowed among them, fixed before the first part. It proves an escape rate
when a system that escapes so often would pass it in at most 1 - confidence of all trials: P(Bin(parts, escape) <=
misses) <= 1 - confidence, the same as an exact upper bound (Clopper & Pearson 1934) at or below the escape rate. The
same counts prove an overkill rate, with good parts and false rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaln, xlog1py, xlogy

from lineproof.proof.intervals import upper_bound

ALLOWED_MISSES = (0, 1, 2, 3, 5)
_NEGLIGIBLE = 1e-12  # chance left over at which an unbounded trial counts as finished


@dataclass(frozen=True, slots=True)
class Plan:
    """So many bad parts with so many misses allowed; `chance` is that of passing at the true rate it was made for."""

    parts: int
    misses: int
    chance: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"parts": self.parts, "misses_allowed": self.misses, "chance_of_passing": round(self.chance, 4)}


@dataclass(frozen=True, slots=True)
class Supportable:
    """What counts at hand prove, and how far they are from a target; None where it cannot be said or reached."""

    parts: int
    misses: int
    confidence: float
    target: float
    claim: float | None  # smallest escape rate that can be claimed; None: nothing is demonstrated
    more_without_miss: int  # bad parts still needed when none of them is missed; 0: the target is supported now
    more_at_observed_rate: int | None  # when misses go on as so far; None: they come too often to get there

    @property
    def supported(self) -> bool:
        """The target can be claimed from these counts, if their number was fixed beforehand."""
        return self.more_without_miss == 0

    def as_dict(self) -> dict[str, object]:
        """For JSON; the claim is rounded up, never down."""
        return {
            "parts": self.parts,
            "misses": self.misses,
            "confidence": self.confidence,
            "target": self.target,
            "claim": None if self.claim is None else ceil(self.claim * 1e6) / 1e6,
            "supported": self.supported,
            "more_without_miss": self.more_without_miss,
            "more_at_observed_rate": self.more_at_observed_rate,
        }


class Stage(NamedTuple):
    """A look at the count: at `parts` the trial ends with yes up to so many misses, with no from so many on."""

    parts: int
    accept_up_to: int  # -1: no yes at this look
    reject_from: int


def parts_needed(escape: float, confidence: float = 0.95, misses: int = 0) -> int:
    """Smallest number of bad parts that proves `escape` with so many misses allowed, from the exact binomial.

    With none allowed it is ln(1 - confidence) / ln(1 - escape), rounded up: the success run of NDE demonstrations
    (29 of 29 for 90/95, NASA/TP-2011-217176). Read with good parts and false rejects it is the same for overkill, and
    with `misses` 0 it is the number of challenge parts that notices a system as bad as `escape` with that chance.

    Raises:
        ValueError: a rate or a confidence that is not between 0 and 1, or misses below 0.
    """
    _between("escape", escape)
    _between("confidence", confidence)
    if misses < 0:
        raise ValueError(f"misses: expected 0 or more, got {misses}")
    return _smallest(misses + 1, lambda parts: chance_of_passing(parts, misses, escape) <= 1 - confidence)


def chance_of_passing(parts: int, misses: int, true_rate: float) -> float:
    """P(Bin(parts, true_rate) <= misses): the operating characteristic of a plan.

    Raises:
        ValueError: parts or misses below 0, or a rate outside 0..1.
    """
    if parts < 0 or misses < 0:
        raise ValueError(f"parts and misses: expected 0 or more, got {parts} and {misses}")
    if not 0 <= true_rate <= 1:
        raise ValueError(f"true rate: expected 0..1, got {true_rate}")
    return 1.0 if misses >= parts else float(betaincc(misses + 1, parts - misses, true_rate))


def plans(
    escape: float, true_rate: float, confidence: float = 0.95, allowed: Sequence[int] = ALLOWED_MISSES
) -> tuple[Plan, ...]:
    """The smallest plan for each number of allowed misses, with its chance of passing at the true rate.

    Raises:
        ValueError: as `parts_needed` and `chance_of_passing`.
    """
    sizes = [(parts_needed(escape, confidence, misses), misses) for misses in allowed]
    return tuple(Plan(parts, misses, chance_of_passing(parts, misses, true_rate)) for parts, misses in sizes)


def chance_of_acceptance(stages: Iterable[Stage], true_rate: float) -> float:
    """Exact chance that a trial with several looks ends with yes; stages in the order of their parts.

    Between two looks misses are binomial, so the chances of going on are convolved from look to look.

    Raises:
        ValueError: a rate outside 0..1, or stages out of order.
    """
    if not 0 <= true_rate <= 1:
        raise ValueError(f"true rate: expected 0..1, got {true_rate}")
    going = np.ones(1)  # [i]: chance of going on with `first + i` misses
    first, parts, accepted = 0, 0, 0.0
    for stage in stages:
        if stage.parts < parts:
            raise ValueError(f"stages: expected growing numbers of parts, got {stage.parts} after {parts}")
        room = max(stage.reject_from - first, 0)
        more = _binomial(np.arange(room), stage.parts - parts, true_rate)
        going = np.convolve(going, more)[:room] if room else going[:0]
        yes = max(stage.accept_up_to + 1 - first, 0)
        accepted += float(going[:yes].sum())
        going, first, parts = going[yes:], first + yes, stage.parts
        if going.sum() < _NEGLIGIBLE:
            break
    return accepted


def chance_of_topping_up(rows: Sequence[Plan], true_rate: float) -> float:
    """Chance of passing for whoever tries the plans one after another, adding parts, until one passes.

    At the escape rate that each plan alone proves it is well above 1 - confidence, which is why one is chosen first.
    """
    never = max(plan.misses for plan in rows) + 1
    ordered = sorted(rows, key=lambda plan: plan.parts)
    return chance_of_acceptance((Stage(plan.parts, plan.misses, never) for plan in ordered), true_rate)


def supportable(parts: int, misses: int, target: float, confidence: float = 0.95) -> Supportable:
    """What `misses` among `parts` bad parts prove, and how many more parts it would take to support the target.

    The further parts are a forecast, not a licence to go on until it fits: see `chance_of_topping_up`.

    Raises:
        ValueError: misses outside 0..parts, or a target or a confidence that is not between 0 and 1.
    """
    _between("target", target)
    claim = upper_bound(misses, parts, confidence)
    more = max(parts_needed(target, confidence, misses) - parts, 0)
    rate = misses / parts if parts else 0.0
    at_rate: int | None = more
    if more and misses:
        at_rate = None if rate >= target else _parts_at_rate(rate, misses, target, confidence) - parts
    return Supportable(parts, misses, confidence, target, claim if claim < 1 else None, more, at_rate)


def outgoing_ppm(escape: float, prior: float, overkill: float = 0.0) -> float:
    """Bad parts per million among those that passed: 1e6 · πe / (πe + (1 - π)(1 - o)), π the share of bad parts made.

    Raises:
        ValueError: an escape rate outside 0..1, a prior not between them, or an overkill not in 0..1, 1 excluded.
    """
    _rates(escape, prior, overkill)
    bad = prior * escape
    return 1e6 * bad / (bad + (1 - prior) * (1 - overkill))


def reject_rate(escape: float, prior: float, overkill: float = 0.0) -> float:
    """Share of all parts that do not pass: π(1 - e) + (1 - π)o; raises ValueError as `outgoing_ppm`."""
    _rates(escape, prior, overkill)
    return prior * (1 - escape) + (1 - prior) * overkill


def escape_for_ppm(ppm: float, prior: float, overkill: float = 0.0) -> float:
    """Largest escape rate at which `outgoing_ppm` stays at or below `ppm`; 1: even without inspection it does.

    A little below the usual ppm / π, which counts the parts made, not the parts shipped.

    Raises:
        ValueError: ppm not between 0 and a million, or as `outgoing_ppm`.
    """
    _rates(0.0, prior, overkill)
    _between("ppm / 1e6", ppm / 1e6)
    share = ppm / 1e6
    return min(share * (1 - prior) * (1 - overkill) / (prior * (1 - share)), 1.0)


def chance_to_notice(challenge_parts: int, miss_rate: float) -> float:
    """Chance that at least one of so many known bad parts is missed by a system that misses `miss_rate` of them.

    Raises:
        ValueError: parts below 0, or a rate outside 0..1.
    """
    return 1 - chance_of_passing(challenge_parts, 0, miss_rate)


def _parts_at_rate(rate: float, misses: int, target: float, confidence: float) -> int:
    """Parts in all that prove the target when misses keep coming at the rate: the first plan with room for them."""

    def has_room(allowed: int) -> bool:
        return parts_needed(target, confidence, allowed) * rate <= allowed

    return parts_needed(target, confidence, _smallest(misses, has_room))


def _smallest(start: int, holds: Callable[[int], bool]) -> int:
    """Smallest whole number from `start` on for which it holds; from there on it holds for all."""
    below, step = start - 1, 1
    while not holds(below + step):
        below, step = below + step, step * 2
    above = below + step
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def _binomial(hits: ArrayLike, trials: int, rate: float) -> NDArray[np.float64]:
    """P(Bin(trials, rate) = hits), 0 above the trials."""
    x = np.asarray(hits, np.float64)
    k = np.minimum(x, trials)
    log_chance = xlogy(k, rate) + xlog1py(trials - k, -rate) - betaln(trials - k + 1, k + 1) - np.log1p(trials)
    return np.where(x <= trials, np.exp(log_chance), 0.0)


def _between(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name}: expected a value between 0 and 1, got {value}")


def _rates(escape: float, prior: float, overkill: float) -> None:
    _between("prior", prior)
    if not 0 <= escape <= 1:
        raise ValueError(f"escape: expected 0..1, got {escape}")
    if not 0 <= overkill < 1:
        raise ValueError(f"overkill: expected 0..1, 1 excluded, got {overkill}")
