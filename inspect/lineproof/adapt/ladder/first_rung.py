"""The first rung: frozen features and a linear classifier, where this version of lineproof can fit one."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from lineproof.adapt.bases import AUTO, SCRATCH
from lineproof.adapt.progress import TrainProgress
from lineproof.errors import WeightsError

FEATURES = "features"
IMGSZ = 224  # pixels; what most backbones were trained on
_CLASSIFY, _BACKBONES = "lineproof.adapt.classify", "lineproof.adapt.features"


def can_fit() -> bool:
    """Whether classifiers can be fitted."""
    return importlib.util.find_spec(_CLASSIFY) is not None


def check_backbone(name: str, imgsz: int) -> None:
    """Raise WeightsError unless a backbone of that name can be opened here."""
    if not can_fit() or name == SCRATCH:
        raise WeightsError(f"no base {name!r} for the rung {FEATURES}", hint="drop it, or the rung")
    if name != AUTO:
        importlib.import_module(_BACKBONES).open_backbone(name, imgsz=imgsz)


def fit(data: Path, out: Path, base: str, imgsz: int, progress: TrainProgress) -> None:
    """Fit and seal; the bundle is in `out`. Raises LineproofError as `lineproof train --task classify`."""
    run: Any = importlib.import_module(f"{_CLASSIFY}.run")
    wish: Any = importlib.import_module(f"{_CLASSIFY}.wish")
    run.train_classifier(data, out, wish.ClassifyWish(base=base, imgsz=imgsz), progress)
