"""The nouns that travel between the rooms: numpy and OpenCV only."""

from lineproof.core.detections import Detections
from lineproof.core.frame import Frame, Image
from lineproof.core.inspection import Inspection, Provenance, StageTimes
from lineproof.core.masks import BoxMask
from lineproof.core.sample import Sample
from lineproof.core.verdict import Decision, Reason, Verdict

__all__ = [
    "BoxMask",
    "Decision",
    "Detections",
    "Frame",
    "Image",
    "Inspection",
    "Provenance",
    "Reason",
    "Sample",
    "StageTimes",
    "Verdict",
]
