"""What an engineer may ask of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lineproof.bundle.manifest import OutputForm
from lineproof.bundle.precisions import Precision


@dataclass(frozen=True, slots=True)
class ExportWish:
    """The defaults suit a line PC without a GPU."""

    imgsz: int | None = None  # longer side of the input; None: as trained
    frame_wh: tuple[int, int] | None = None  # the camera's; None: of the training images
    square: bool = False  # imgsz × imgsz whatever the frames are
    mono: bool | None = None  # None: mono when no training image has colour
    dynamic: bool = False
    outputs: OutputForm = "maps"
    precision: Precision | Literal["auto"] = "fp32"
    latency_budget_ms: float | None = None
    max_flips: int = 0
