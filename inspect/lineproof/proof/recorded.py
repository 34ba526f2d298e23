"""Parts that a line has decided and somebody has looked at: their truth and decision, from a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Decision
from lineproof.errors import InputError
from lineproof.proof.claim import Claims, claims_of
from lineproof.proof.counts.clusters import Clustering, PartBootstrap, bootstrap_by_part, clustering, count_by_part
from lineproof.proof.parts import Parts
from lineproof.proof.pod.logistic import HitMiss
from lineproof.proof.pod.probability import Pod, probability_of_detection
from lineproof.proof.table import read_table

_BAD = {"good": False, "ok": False, "1": False, "bad": True, "ng": True, "0": True}
_HINT = "first line: part,truth,decision and, if known, group,size,class"


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Columns for n decisions."""

    bad: NDArray[np.bool_]
    decision: tuple[Decision, ...]
    group: NDArray[np.int64]  # decisions about one physical part, or one lot
    size: NDArray[np.float64]  # of the largest defect; nan where nobody measured it
    kind: tuple[str, ...]  # class of the defect; "" where nobody said


@dataclass(frozen=True, slots=True, eq=False)
class RecordedProof:
    """What recorded parts show."""

    claims: Claims
    repeats: Clustering | None  # of bad parts that were decided about more than once
    escape: PartBootstrap | None
    overkill: PartBootstrap | None
    pods: dict[str, Pod]  # all defects first, then by class where there are several

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "claims": self.claims.as_dict(),
            "repeats": self.repeats.as_dict() if self.repeats else None,
            "bootstrap": {
                "escape": self.escape.as_dict() if self.escape else None,
                "overkill": self.overkill.as_dict() if self.overkill else None,
            },
            "pod": {name: pod.as_dict() for name, pod in self.pods.items()},
        }


def read_recorded(path: Path) -> Recorded:
    """Read `part,truth,decision[,group][,size][,class]`; without groups, rows of one part id are a group.

    Raises:
        InputError: the file cannot be read, or a line says something unknown or contradicts an earlier one.
    """
    bad, decision, group, size, kind = [], [], [], [], []
    truth: dict[str, tuple[bool, int]] = {}
    for line, cells in read_table(path, ("part", "truth", "decision"), hint=_HINT):
        where = f"{path}, line {line}"
        part, is_bad = cells["part"], _BAD.get(cells["truth"].casefold())
        if not part:
            raise InputError(f"{where}: part is empty", hint="every part needs its id")
        if is_bad is None:
            raise InputError(f"{where}: truth {cells['truth']!r} is unknown", hint="good/bad, ok/ng or 1/0 (1 is good)")
        earlier, there = truth.setdefault(part, (is_bad, line))
        if earlier != is_bad:
            raise InputError(f"{where}: part {part!r} is {cells['truth']} here and was not on line {there}")
        bad.append(is_bad)
        decision.append(_decision(where, cells["decision"]))
        group.append(cells.get("group") or part)
        size.append(_size(where, cells.get("size", "")))
        kind.append(cells.get("class", "") if is_bad else "")
    _, number = np.unique(group, return_inverse=True)
    return Recorded(
        np.array(bad, np.bool_), tuple(decision), number.astype(np.int64), np.array(size, np.float64), tuple(kind)
    )


def prove_recorded(recorded: Recorded, unit: str = "px") -> RecordedProof:
    """Bound escape and overkill, resample by part, and fit the probability of detection where sizes are known."""
    bad, group = recorded.bad, recorded.group
    names = tuple(map(str, range(len(bad))))
    nothing = np.zeros((len(bad), 0))
    parts = Parts(names, bad, nothing, (), group, (), nothing)
    passed = np.array([decision is Decision.PASS for decision in recorded.decision], np.bool_)
    sized = bad & np.isfinite(recorded.size)
    pods: dict[str, Pod] = {}
    if sized.any():
        pods["all defects"] = _pod("all defects", recorded.size[sized], ~passed[sized], unit)
        kinds = np.array(recorded.kind)[sized]
        for kind in sorted(set(kinds.tolist()) - {""}) if len(set(kinds.tolist())) > 1 else ():
            rows = kinds == kind
            pods[kind] = _pod(kind, recorded.size[sized][rows], ~passed[sized][rows], unit)
    repeated = bad.any() and len(np.unique(group[bad])) < int(bad.sum())
    return RecordedProof(
        claims_of(parts, recorded.decision),
        clustering(count_by_part(group[bad], passed[bad])) if repeated else None,
        _resampled(group[bad], passed[bad]),
        _resampled(group[~bad], ~passed[~bad]),
        pods,
    )


def _pod(name: str, size: NDArray[np.float64], hit: NDArray[np.bool_], unit: str) -> Pod:
    return probability_of_detection(HitMiss.single(size, hit), name=name, unit=unit)


def _resampled(group: NDArray[np.int64], hit: NDArray[np.bool_]) -> PartBootstrap | None:
    if not len(group):
        return None
    counts = count_by_part(group, hit)
    return bootstrap_by_part(counts.hits, counts.trials)


def _decision(where: str, word: str) -> Decision:
    try:
        return Decision(word.upper())
    except ValueError:
        raise InputError(f"{where}: decision {word!r} is unknown", hint="PASS, FAIL, REVIEW or FAULT") from None


def _size(where: str, word: str) -> float:
    if not word:
        return float("nan")
    try:
        size = float(word)
    except ValueError:
        size = -1.0
    if not 0 < size < float("inf"):
        raise InputError(f"{where}: size {word!r} is none", hint="a number above 0, or nothing")
    return size
