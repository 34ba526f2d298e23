"""Attribute agreement of appraisers, the machine among them, with the reference, with each other, with themselves.

The attribute study of AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III C. Its grades compare figures
with limits, whatever the number of parts; so the grade of what is shown, at the bad end of an interval, stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lineproof.errors import InputError
from lineproof.proof.agreement.kappa import Kappa, cohen_kappa, fleiss_kappa
from lineproof.proof.agreement.study import Study
from lineproof.proof.rates import Rate

Bools = NDArray[np.bool_]


class Grade(StrEnum):
    """AIAG's words; guidelines, no proof."""

    ACCEPTABLE = "acceptable"
    MARGINAL = "marginal"
    UNACCEPTABLE = "unacceptable"


# AIAG MSA, 4th edition: acceptable up to the first limit, marginal up to the second, both included.
EFFECTIVENESS_FROM = (0.90, 0.80)
MISS_UP_TO = (0.02, 0.05)
FALSE_ALARM_UP_TO = (0.05, 0.10)
KAPPA_GOOD_ABOVE, KAPPA_POOR_BELOW = 0.75, 0.40


@dataclass(frozen=True, slots=True)
class Graded:
    """A rate, its grade, and the grade of its 95 % bound: what is shown, not only seen.

    The bound counts parts. Of misses and false alarms it is that of the parts that had one in any trial, which are no
    fewer than those that have one in the next.
    """

    rate: Rate
    grade: Grade | None  # None: no such parts
    shown: Grade | None

    def __str__(self) -> str:
        return f"{self.rate}: {self.grade}, shown: {self.shown}" if self.grade else str(self.rate)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**self.rate.as_dict(), "grade": self.grade, "shown": self.shown}


@dataclass(frozen=True, slots=True)
class Appraiser:
    """One appraiser against the reference and against himself."""

    name: str
    effectiveness: Graded  # parts judged as the reference in every trial, of all parts
    repeatability: Rate | None  # parts judged alike in every trial, of all parts; None with one trial
    miss: Graded  # bad called good, of trials on bad parts
    false_alarm: Graded  # good called bad, of trials on good parts
    missed_parts: Rate  # bad parts called good at least once, of bad parts
    alarmed_parts: Rate  # good parts called bad at least once, of good parts
    kappa: Kappa  # with the reference

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "effectiveness": self.effectiveness.as_dict(),
            "repeatability": self.repeatability.as_dict() if self.repeatability else None,
            "miss": self.miss.as_dict(),
            "false_alarm": self.false_alarm.as_dict(),
            "missed_parts": self.missed_parts.as_dict(),
            "alarmed_parts": self.alarmed_parts.as_dict(),
            "kappa": self.kappa.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two appraisers with each other, trial by trial."""

    first: str
    second: str
    kappa: Kappa

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"first": self.first, "second": self.second, "kappa": self.kappa.as_dict()}


@dataclass(frozen=True, slots=True)
class Agreement:
    """The study in figures, with what to keep in mind when reading them."""

    parts: int
    bad_parts: int
    trials: int
    appraisers: tuple[Appraiser, ...]
    pairs: tuple[Pair, ...]
    between: Rate | None  # parts that all appraisers judged alike in every trial, of all parts; None with one appraiser
    system: Rate  # parts that all judged as the reference in every trial, of all parts
    fleiss: Kappa | None  # every trial of everyone as one judge; None with one verdict a part
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "parts": self.parts,
            "bad_parts": self.bad_parts,
            "trials": self.trials,
            "appraisers": [appraiser.as_dict() for appraiser in self.appraisers],
            "pairs": [pair.as_dict() for pair in self.pairs],
            "between": self.between.as_dict() if self.between else None,
            "system": self.system.as_dict(),
            "fleiss_kappa": self.fleiss.as_dict() if self.fleiss else None,
            "notes": list(self.notes),
        }


def kappa_word(kappa: Kappa) -> str:
    """AIAG's word for a κ: good above 0.75, poor below 0.40."""
    if kappa.value is None:
        return "not demonstrated"
    if kappa.value > KAPPA_GOOD_ABOVE:
        return "good"
    return "poor" if kappa.value < KAPPA_POOR_BELOW else "moderate"


def assess(study: Study, machine: str = "", *, refixtured: bool = False) -> Agreement:
    """All figures of a study; `machine` is the appraiser that is no person, "" if there is none.

    `refixtured`: every part was taken out and put in anew before each trial of the machine. Otherwise a machine that
    always repeats itself gets a note, because the same picture gives the same answer.

    Raises:
        InputError: there is no appraiser `machine`.
    """
    names = [name.casefold() for name in study.appraisers]
    if machine and machine.casefold() not in names:
        raise InputError(f"appraiser {machine!r}: not in the study", hint=f"it has {', '.join(study.appraisers)}")
    appraisers = tuple(_appraiser(name, study, i) for i, name in enumerate(study.appraisers))
    parts, trials = study.rejected.shape[1:]
    every = np.moveaxis(study.rejected, 1, 0).reshape(parts, -1)  # all verdicts on a part
    machine_repeats = appraisers[names.index(machine.casefold())].repeatability if machine else None
    return Agreement(
        parts=parts,
        bad_parts=int(study.bad.sum()),
        trials=trials,
        appraisers=appraisers,
        pairs=tuple(
            Pair(study.appraisers[i], study.appraisers[j], _kappa(study.rejected[i], study.rejected[j]))
            for i, j in combinations(range(len(appraisers)), 2)
        ),
        between=_share(_alike(every)) if len(appraisers) > 1 else None,
        system=_share((every == study.bad[:, None]).all(axis=1)),
        fleiss=fleiss_kappa(np.stack([every.sum(axis=1), (~every).sum(axis=1)], axis=1))
        if every.shape[1] > 1
        else None,
        notes=_notes(study, machine, machine_repeats, refixtured=refixtured),
    )


def _appraiser(name: str, study: Study, index: int) -> Appraiser:
    rejected, bad = study.rejected[index], study.bad
    wrong = rejected != bad[:, None]
    effectiveness = _share(~wrong.any(axis=1))
    missed, alarmed = _share(wrong[bad].any(axis=1)), _share(wrong[~bad].any(axis=1))
    return Appraiser(
        name=name,
        effectiveness=Graded(
            effectiveness,
            _at_least(effectiveness.value, EFFECTIVENESS_FROM),
            _at_least(effectiveness.interval.low, EFFECTIVENESS_FROM),
        ),
        repeatability=_share(_alike(rejected)) if rejected.shape[1] > 1 else None,
        miss=_limited(_share(wrong[bad]), missed, MISS_UP_TO),
        false_alarm=_limited(_share(wrong[~bad]), alarmed, FALSE_ALARM_UP_TO),
        missed_parts=missed,
        alarmed_parts=alarmed,
        kappa=_kappa(rejected, np.broadcast_to(bad[:, None], rejected.shape)),
    )


def _alike(rejected: Bools) -> Bools:
    """Parts whose verdicts `(parts, n)` are all the same."""
    return np.asarray((rejected == rejected[:, :1]).all(axis=1), np.bool_)


def _share(yes: Bools) -> Rate:
    return Rate(int(yes.sum()), yes.size)


def _limited(rate: Rate, parts: Rate, limits: tuple[float, float]) -> Graded:
    """A rate of errors, which should be small, and the parts that had one."""
    if not rate.of:
        return Graded(rate, None, None)
    return Graded(rate, _at_most(rate.value, limits), _at_most(parts.interval.high, limits))


def _at_least(value: float, limits: tuple[float, float]) -> Grade:
    if value >= limits[0]:
        return Grade.ACCEPTABLE
    return Grade.MARGINAL if value >= limits[1] else Grade.UNACCEPTABLE


def _at_most(value: float, limits: tuple[float, float]) -> Grade:
    if value <= limits[0]:
        return Grade.ACCEPTABLE
    return Grade.MARGINAL if value <= limits[1] else Grade.UNACCEPTABLE


def _kappa(first: Bools, second: Bools) -> Kappa:
    """Of verdicts `(parts, trials)`, trial with trial; the interval counts a part once, however often it was shown."""
    cells = np.bincount((2 * first + second).ravel(), minlength=4).reshape(2, 2)
    return cohen_kappa(cells, independent=len(first))


def _notes(study: Study, machine: str, machine_repeats: Rate | None, *, refixtured: bool) -> tuple[str, ...]:
    trials = study.rejected.shape[2]
    notes = []
    if trials == 1:
        notes.append("Every part was shown once: whether an appraiser repeats himself was not measured.")
    else:
        notes.append(
            f"The intervals of miss and false alarm count trials as independent; {trials} trials of one part are not: "
            "read them as too narrow. Those of κ, and whatever is called shown, count each part once."
        )
    if machine_repeats and machine_repeats.count == machine_repeats.of and not refixtured:
        notes.append(
            f"{machine} repeated itself on every part. That is trivial unless each part was taken out and put in anew "
            "before each trial: the same picture gives the same answer."
        )
    for kind, there, what in (("bad", study.bad.any(), "misses"), ("good", not study.bad.all(), "false alarms")):
        if not there:
            notes.append(f"The reference has no {kind} part: {what} cannot be measured.")
    notes.append(
        "The grades are AIAG's guidelines, no proof; shown is the grade that the 95 % bound by part still earns."
    )
    return tuple(notes)
