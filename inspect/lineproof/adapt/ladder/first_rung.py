"""The first rung: frozen features and a linear classifier."""

from __future__ import annotations

from pathlib import Path

from lineproof.adapt.bases import AUTO, SCRATCH
from lineproof.adapt.classify.run import train_classifier
from lineproof.adapt.classify.wish import ClassifyWish
from lineproof.adapt.features import open_backbone
from lineproof.adapt.progress import TrainProgress
from lineproof.errors import WeightsError

FEATURES = "features"


def check_backbone(name: str, imgsz: int) -> None:
    """Raise WeightsError unless a backbone of that name can be opened here."""
    if name == SCRATCH:
        raise WeightsError(f"no base {name!r} for the rung {FEATURES}", hint="drop it, or the rung")
    if name != AUTO:
        open_backbone(name, imgsz=imgsz)


def fit(data: Path, out: Path, base: str, imgsz: int, progress: TrainProgress) -> None:
    """Fit and seal; the bundle is in `out`. Raises LineproofError as `lineproof train --task classify`."""
    train_classifier(data, out, ClassifyWish(base=base, imgsz=imgsz), progress)
