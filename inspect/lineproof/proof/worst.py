"""The parts to look at: the worst escapes, the worst overkill, and labels that may be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lineproof.core import Decision
from lineproof.proof.defects import Defects
from lineproof.proof.parts import Parts

# A model this sure of a defect on a good part, or blind to a defect that is larger than most: often the label is wrong.
SURE = 0.8


@dataclass(frozen=True, slots=True)
class PartToSee:
    """One part with the image that shows best what happened."""

    part: str
    image: int  # row among the images seen
    words: str
    rank: float  # higher is worse


@dataclass(frozen=True, slots=True)
class Worst:
    """Each list with the worst first."""

    escapes: tuple[PartToSee, ...]
    overkill: tuple[PartToSee, ...]
    suspects: tuple[PartToSee, ...]


def worst_of(parts: Parts, decisions: tuple[Decision, ...], defects: Defects, unit: str) -> Worst:
    """Escapes by the size of their largest defect, overkill by the score that caused it."""
    largest = _largest_defect(parts, defects)
    passed = np.array([decision is Decision.PASS for decision in decisions], np.bool_)
    escapes = [_escape(parts, row, largest[row], defects, unit) for row in np.flatnonzero(parts.bad & passed).tolist()]
    overkill = [_overkill(parts, row, decisions[row]) for row in np.flatnonzero(~parts.bad & ~passed).tolist()]
    return Worst(_sorted(escapes), _sorted(overkill), _sorted(_suspects(parts, largest, defects, unit)))


def _largest_defect(parts: Parts, defects: Defects) -> list[int | None]:
    """For each part the row of its largest defect."""
    size = defects.matches.size
    best: dict[int, int] = {}
    for row, image in enumerate(defects.image.tolist()):
        if image not in best or size[row] > size[best[image]]:
            best[image] = row
    return [next((best[row] for row in views.tolist() if row in best), None) for views in parts.images]


def _escape(parts: Parts, row: int, defect: int | None, defects: Defects, unit: str) -> PartToSee:
    if defect is None:
        return PartToSee(parts.names[row], int(parts.images[row][0]), "passed", 0.0)
    size, score = float(defects.matches.size[defect]), float(defects.scores[defect])
    found = f"found with {score:.2f} only" if score else "nothing found there"
    words = f"{defects.limit[defect]} of {size:.3g} {unit} passed: {found}"
    return PartToSee(parts.names[row], int(defects.image[defect]), words, size)


def _overkill(parts: Parts, row: int, decision: Decision) -> PartToSee:
    column = int(parts.score[row].argmax())
    score = float(parts.score[row, column])
    views = parts.images[row]
    image = int(views[parts.by_image[views, column].argmax()])
    return PartToSee(parts.names[row], image, f"{decision}: {parts.columns[column]} {score:.2f}", score)


def _suspects(parts: Parts, largest: list[int | None], defects: Defects, unit: str) -> list[PartToSee]:
    size = defects.matches.size
    usual = float(np.median(size)) if size.size else 0.0
    found = []
    for row, views in enumerate(parts.images):
        top = float(parts.score[row].max(initial=0.0))
        defect = largest[row]
        if not parts.bad[row] and top >= SURE:
            column = parts.columns[int(parts.score[row].argmax())]
            words = f"labelled good; the model sees {column} with {top:.2f}"
            found.append(PartToSee(parts.names[row], int(views[0]), words, top))
        elif defect is not None and top == 0 and size[defect] >= usual:
            words = f"labelled {defects.limit[defect]}, {size[defect]:.3g} {unit}; the model sees nothing at all"
            found.append(PartToSee(parts.names[row], int(defects.image[defect]), words, SURE))
    return found


def _sorted(parts: list[PartToSee]) -> tuple[PartToSee, ...]:
    return tuple(sorted(parts, key=lambda part: (-part.rank, part.part)))
