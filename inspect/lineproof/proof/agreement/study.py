"""The sheet of an attribute agreement study: planned in a blind random order, filled by hand, read back.

One row a verdict: `order,appraiser,trial,part,verdict`. The expert panel is the appraiser `reference`, who judges every
part once; its rows come last, so that nobody who judges sees them filled. Which part is which stands in a second file,
the key, for whoever lays the parts out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.errors import InputError
from lineproof.proof.table import read_table

REFERENCE = "reference"
_COLUMNS = ("appraiser", "trial", "part", "verdict")
_BAD = {"good": False, "ok": False, "pass": False, "1": False, "bad": True, "ng": True, "fail": True, "0": True}
_TEMPLATE = f"first line: order,{','.join(_COLUMNS)}; `lineproof prove study` writes a sheet to fill in"
_WORDS = "good/bad, ok/ng, pass/fail or 1/0 (1 is good, as AIAG writes it); a machine's REVIEW or FAULT is fail"


class Kind(StrEnum):
    """What part the organiser has to find for a number of the sheet."""

    GOOD = "clearly good"
    BAD = "clearly bad"
    BORDERLINE = "borderline"  # good or bad, near the limit: where appraisers differ


@dataclass(frozen=True, slots=True)
class Showing:
    """One part put before one appraiser."""

    order: int  # from 1 on, by appraiser
    appraiser: str
    trial: int
    part: str


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Who judges what, in which order; part numbers say nothing about the parts."""

    kinds: dict[str, Kind]  # by part number
    showings: tuple[Showing, ...]  # appraiser by appraiser, the reference last

    def sheet(self) -> str:
        """CSV to fill in."""
        rows = [(s.order, s.appraiser, s.trial, s.part, "") for s in self.showings]
        return _csv([("order", *_COLUMNS), *rows])

    def key(self) -> str:
        """CSV for the organiser alone: which kind of part bears which number, and a column for the part's own id."""
        return _csv([("part", "kind", "part_id"), *((number, kind.value, "") for number, kind in self.kinds.items())])


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A filled sheet; every appraiser judged every part equally often."""

    parts: tuple[str, ...]
    appraisers: tuple[str, ...]
    rejected: NDArray[np.bool_]  # (appraisers, parts, trials) called bad
    bad: NDArray[np.bool_]  # (parts,) by the reference

    def __post_init__(self) -> None:
        """Raises ValueError unless the shapes fit."""
        shape = (len(self.appraisers), len(self.parts))
        if self.rejected.ndim != 3 or self.rejected.shape[:2] != shape or self.bad.shape != shape[1:]:
            raise ValueError(f"study: {shape} appraisers and parts, got {self.rejected.shape} and {self.bad.shape}")
        if not self.rejected.size:
            raise ValueError("study: no verdict")


def plan_study(parts: int, appraisers: Sequence[str], trials: int, seed: int = 0) -> StudyPlan:
    """A third borderline, the rest half clearly good and half clearly bad; each trial in a random order of its own.

    Raises:
        InputError: fewer than 3 parts, no trial, no appraiser, or one without a name, named twice or `reference`.
    """
    if parts < 3 or trials < 1:
        raise InputError(
            f"{parts} parts and {trials} trials: a study needs 3 parts and 1 trial", hint="usual are 50 and 3"
        )
    names = [name.strip() for name in appraisers]
    lowered = [name.casefold() for name in names]
    if not names or not all(names) or len(set(lowered)) < len(names):
        raise InputError(f"appraisers {', '.join(names)!r}: expected names, each once", hint="for example A,B,machine")
    if REFERENCE in lowered:
        raise InputError(f"appraiser {REFERENCE!r}: the sheet has it anyway, for the expert panel")
    rng = np.random.default_rng(seed)
    borderline = round(parts / 3)
    good = (parts - borderline + 1) // 2
    kinds = [Kind.BORDERLINE] * borderline + [Kind.GOOD] * good + [Kind.BAD] * (parts - borderline - good)
    digits = len(str(parts))
    numbers = [f"P{i + 1:0{digits}}" for i in range(parts)]
    shown = []
    for name in names:
        orders = [rng.permutation(parts) for _ in range(trials)]
        turns = ((trial, numbers[i]) for trial, order in enumerate(orders, 1) for i in order)
        shown += [Showing(place, name, trial, part) for place, (trial, part) in enumerate(turns, 1)]
    shown += [Showing(place, REFERENCE, 1, numbers[i]) for place, i in enumerate(rng.permutation(parts), 1)]
    return StudyPlan({numbers[i]: kinds[k] for i, k in enumerate(rng.permutation(parts))}, tuple(shown))


def _csv(rows: Sequence[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@dataclass(frozen=True, slots=True)
class _Row:
    """One filled line; names compare without regard to upper and lower case."""

    line: int
    appraiser: str
    trial: int
    part: str
    bad: bool


def read_study(path: Path) -> Study:
    """Read a filled sheet; `,`, `;` and tab separate columns, the columns may stand in any order, others are ignored.

    Raises:
        InputError: the file cannot be read, or a line of it: an unknown or missing verdict, a missing trial, the same
            verdict twice, a part without reference.
    """
    rows = list(_rows(path))
    verdicts: dict[tuple[str, str, int], _Row] = {}
    truth: dict[str, _Row] = {}
    names: dict[str, str] = {}  # by its lower case, as first written; in the order of the sheet
    parts: dict[str, _Row] = {}  # by its lower case, where it first occurs
    for row in rows:
        who, what = row.appraiser.casefold(), row.part.casefold()
        parts.setdefault(what, row)
        if who == REFERENCE:
            earlier = truth.setdefault(what, row)
        else:
            names.setdefault(who, row.appraiser)
            earlier = verdicts.setdefault((who, what, row.trial), row)
        if earlier is not row:
            once = "" if who == REFERENCE else f", trial {row.trial},"
            raise InputError(
                f"{path}, line {row.line}: {row.appraiser} judged part {row.part}{once} in line {earlier.line} already"
            )
    if not names:
        raise InputError(
            f"{path}: no verdict of an appraiser", hint="`lineproof prove study` writes a sheet to fill in"
        )
    for what, row in parts.items():
        if what not in truth:
            raise InputError(
                f"{path}, line {row.line}: part {row.part} has no reference",
                hint=f"one row with appraiser {REFERENCE} says what the part is",
            )
    trials = max(trial for _, _, trial in verdicts)

    def wanted() -> Iterator[tuple[str, str, int]]:
        return product(names, parts, range(1, trials + 1))

    if len(verdicts) < len(names) * len(parts) * trials:
        who, what, trial = next(key for key in wanted() if key not in verdicts)
        raise InputError(
            f"{path}, line {parts[what].line}: part {parts[what].part} has no verdict of {names[who]} "
            f"in trial {trial} of {trials}",
            hint="everyone judges every part equally often",
        )
    rejected = np.fromiter((verdicts[key].bad for key in wanted()), np.bool_, len(verdicts))
    return Study(
        parts=tuple(row.part for row in parts.values()),
        appraisers=tuple(names.values()),
        rejected=rejected.reshape(len(names), len(parts), trials),
        bad=np.array([truth[what].bad for what in parts], np.bool_),
    )


def _rows(path: Path) -> Iterator[_Row]:
    """The lines that say something, one by one."""
    for line, cells in read_table(path, _COLUMNS, hint=_TEMPLATE):
        yield _row(f"{path}, line {line}", line, cells)


def _row(where: str, line: int, cells: Mapping[str, str]) -> _Row:
    appraiser, trial, part, word = (cells[name] for name in _COLUMNS)
    if not appraiser or not part:
        raise InputError(f"{where}: appraiser or part is empty")
    if not (trial.isascii() and trial.isdigit() and len(trial) < 7 and int(trial)):
        raise InputError(f"{where}: trial {trial!r}, expected 1, 2, …")
    if not word:
        raise InputError(f"{where}: no verdict of {appraiser} on part {part}, trial {trial}", hint=_WORDS)
    if word.casefold() not in _BAD:
        raise InputError(f"{where}: verdict {word!r} is unknown", hint=_WORDS)
    return _Row(line, appraiser, int(trial), part, _BAD[word.casefold()])
