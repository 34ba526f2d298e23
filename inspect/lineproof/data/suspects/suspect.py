"""One annotation, or a place without one, that a person should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lineproof.core import Sample

Kind = Literal["class", "spurious", "misplaced", "missing"]


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """What may be wrong, where, and how sure that is."""

    sample: Sample
    row: int  # of the box in the sample's truth; -1 where a box is missing
    kind: Kind
    xyxy: tuple[float, float, float, float]  # px; of the annotated box, or of what was found without one
    suspicion: float  # 0..1, for ranking; no probability
    given: str  # annotated class; "" where a box is missing
    suggested: str  # class the models see; "" where they see nothing
    reason: str  # one sentence


def ranked(suspects: Iterable[Suspect], most: int) -> list[Suspect]:
    """Most suspicious first, every box once, under its strongest reason."""
    best: dict[tuple[str, int, tuple[float, ...]], Suspect] = {}
    for suspect in suspects:
        key = (str(suspect.sample.image), suspect.row, suspect.xyxy if suspect.row < 0 else ())
        if key not in best or suspect.suspicion > best[key].suspicion:
            best[key] = suspect
    return sorted(best.values(), key=lambda s: (-s.suspicion, str(s.sample.image), s.row))[:most]
