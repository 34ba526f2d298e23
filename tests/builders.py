"""One-line helpers that build the nouns of lineproof."""

from __future__ import annotations

import numpy as np

from lineproof.core import BoxMask, Detections, Frame, Inspection, Provenance, Verdict
from lineproof.core.verdict import Decision

PROVENANCE = Provenance("demo", "0" * 64, "", "CPUExecutionProvider", (64, 64))


def detections(*rows: tuple[float, float, float, float, float, int], masks: bool = False) -> Detections:
    """Rows of (x1, y1, x2, y2, score, class_id); masks fill their boxes."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    filled = tuple(box_mask(*row[:4]) for row in rows) if masks else None
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32), filled)


def box_mask(x1: float, y1: float, x2: float, y2: float) -> BoxMask:
    """A mask that fills its box."""
    return BoxMask(int(x1), int(y1), np.ones((int(y2) - int(y1), int(x2) - int(x1)), np.bool_))


def image(width: int = 64, height: int = 48, grey: int = 128) -> np.ndarray:
    """A flat BGR image."""
    return np.full((height, width, 3), grey, np.uint8)


def frame(part_id: str = "p1", **changes: object) -> Frame:
    """A flat frame."""
    return Frame(**{"image": image(), "part_id": part_id, "source_id": "test", **changes})


def inspection(part_id: str = "p1", verdict: Verdict | None = None, **changes: object) -> Inspection:
    """A finished inspection, PASS unless told otherwise."""
    facts: dict[str, object] = {
        "part_id": part_id,
        "view": "main",
        "source_id": "test",
        "verdict": verdict or Verdict(Decision.PASS),
        "detections": Detections.empty(),
        "classes": ("scratch",),
        "provenance": PROVENANCE,
        "image_wh": (64, 48),
    }
    return Inspection(**{**facts, **changes})
