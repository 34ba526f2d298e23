"""What the engine says of a frame, in plain values; with what the line knows of the frame it is an inspection again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask, Detections, Frame, Inspection, StageTimes
from lineproof.core.verdict import Decision, Reason, Verdict
from lineproof.line.engine_room.events import Decides

Mask = tuple[int, int, int, int, bytes]  # x, y, height, width, bitmap


class Report(NamedTuple):
    """An inspection less its frame and what decided: the line has both."""

    inspection_id: str
    decision: str
    reasons: tuple[tuple[str, str, int | None], ...]
    xyxy: bytes
    score: bytes
    class_id: bytes
    masks: tuple[Mask, ...] | None
    times_ms: tuple[float, ...]

    @classmethod
    def of(cls, inspection: Inspection) -> Report:
        """Of this inspection."""
        found, times, verdict = inspection.detections, inspection.times_ms, inspection.verdict
        return cls(
            inspection.inspection_id,
            verdict.decision.value,
            tuple((reason.rule, reason.text, reason.detection) for reason in verdict.reasons),
            found.xyxy.tobytes(),
            found.score.tobytes(),
            found.class_id.tobytes(),
            None if found.masks is None else tuple(map(_packed, found.masks)),
            (times.decode, times.wait, times.preprocess, times.infer, times.postprocess, times.judge, times.total),
        )

    def inspection(self, frame: Frame, decides: Decides) -> Inspection:
        """The inspection of this frame, by what decided."""
        return Inspection(
            part_id=frame.part_id,
            view=frame.view,
            source_id=frame.source_id,
            verdict=Verdict(Decision(self.decision), tuple(Reason(*reason) for reason in self.reasons)),
            detections=self._detections(),
            classes=decides.classes,
            provenance=decides.provenance,
            times_ms=StageTimes(*self.times_ms),
            image_wh=frame.wh,
            origin=frame.origin,
            grabbed_at=frame.grabbed_at,
            grabbed_ns=frame.grabbed_ns,
            inspection_id=self.inspection_id,
        )

    def _detections(self) -> Detections:
        xyxy: NDArray[np.float32] = np.frombuffer(self.xyxy, np.float32).reshape(-1, 4)
        score, class_id = np.frombuffer(self.score, np.float32), np.frombuffer(self.class_id, np.int32)
        return Detections(xyxy, score, class_id, None if self.masks is None else tuple(map(_mask, self.masks)))


def _packed(mask: BoxMask) -> Mask:
    height, width = mask.bitmap.shape
    return mask.x, mask.y, height, width, mask.bitmap.tobytes()


def _mask(packed: Mask) -> BoxMask:
    x, y, height, width, bitmap = packed
    return BoxMask(x, y, np.frombuffer(bitmap, np.bool_).reshape(height, width))
