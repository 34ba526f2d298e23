"""The engine of the line: onnxruntime, numpy and OpenCV, nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.bundle.open import Bundle
from lineproof.core import Detections, Image, StageTimes
from lineproof.core.boxes import clip_boxes
from lineproof.engine.contract import INPUT, OUTPUTS, check_outputs, check_session
from lineproof.engine.decode import Candidates, find_candidates
from lineproof.engine.graph_check import check_graph
from lineproof.engine.letterbox import Fit, Letterbox
from lineproof.engine.masks import cut_masks
from lineproof.engine.nms import suppress
from lineproof.engine.providers import ORT_ERRORS, OpenSession, open_session
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError

Outputs = dict[str, NDArray[np.float32]]


class OnnxEngine:
    """Pixels to detections through one onnxruntime session.

    May be called from several threads at once: each has its own input buffer, and a thread that hangs in a run holds
    nothing another one needs, so that the line can replace it.
    """

    def __init__(self, opened: OpenSession, spec: EngineSpec) -> None:
        """Take a finished session; `open` and `from_model` build one."""
        self.spec = spec
        self.classes = spec.classes
        self.input_wh = spec.input_wh
        self.provider = opened.provider
        self.fallback = opened.fallback  # why `auto` did not get a GPU; empty when it did, or none was asked for
        self._session = opened.session
        self._names = OUTPUTS[spec.task]
        self._buffers = threading.local()

    @classmethod
    def open(
        cls,
        bundle: Bundle,
        provider: str = "auto",
        threads: int | None = None,
        *,
        spin: bool = False,
        decisive_score: float | None = None,
    ) -> Self:
        """Build the session from a verified bundle and warm it up.

        A line whose rules reject at lower scores than the bundle's own thresholds says so by `decisive_score`, see
        `EngineSpec`. `spin` trades a busy core for a few per cent of latency.

        Raises:
            ProviderError: the hardware asked for is not there.
            EngineError: the model cannot be loaded, or is not what the manifest says.
        """
        spec = EngineSpec.of(bundle.manifest)
        if decisive_score is not None:
            spec = replace(spec, decisive_score=decisive_score)
        return cls.from_model(bundle.model, spec, provider, threads, spin=spin)

    @classmethod
    def from_model(
        cls,
        model: bytes,
        spec: EngineSpec,
        provider: str = "auto",
        threads: int | None = None,
        *,
        spin: bool = False,
    ) -> Self:
        """The same from the bytes of a model that is not sealed yet: parity and thresholds are found this way."""
        check_graph(model)
        # One pool of threads: OpenCV's would wake for every resize and compete with onnxruntime's for the same cores.
        cv2.setNumThreads(1)
        opened = open_session(model, provider, threads=threads, spin=spin, dynamic=spec.dynamic)
        check_session(opened.session, spec)
        engine = cls(opened, spec)
        engine.warm_up()
        return engine

    def warm_up(self) -> None:
        """One run on a grey frame: memory is taken and kernels are chosen before the first part, not on it."""
        width, height = self.input_wh
        self.detect(np.full((height, width, 3), self.spec.pad_value, np.uint8))

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """Detections of an `(H, W, 3)` uint8 BGR image in its own pixels, surest first.

        Raises:
            EngineError: the run failed, gave numbers that are none, or so many detections that some that could reject
                the part would be lost.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise EngineError(f"expected an image (H, W, 3) uint8, got {image.shape} {image.dtype}")
        started = time.perf_counter()
        canvas, fit = self._letterbox().fill(image)
        filled = time.perf_counter()
        outputs = self._run(canvas)
        ran = time.perf_counter()
        detections = self._detections(outputs, fit)
        done = time.perf_counter()
        times = StageTimes(
            preprocess=1e3 * (filled - started), infer=1e3 * (ran - filled), postprocess=1e3 * (done - ran)
        )
        return detections, times

    def _letterbox(self) -> Letterbox:
        """The input buffer of the calling thread."""
        if not hasattr(self._buffers, "letterbox"):
            spec = self.spec
            self._buffers.letterbox = Letterbox(spec.input_wh, dynamic=spec.dynamic, pad_value=spec.pad_value)
        letterbox: Letterbox = self._buffers.letterbox
        return letterbox

    def _run(self, canvas: NDArray[np.uint8]) -> Outputs:
        try:
            arrays = self._session.run(list(self._names), {INPUT: canvas})
        except ORT_ERRORS as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise EngineError(f"the run failed: {line[:300]}") from None
        outputs = dict(zip(self._names, arrays, strict=True))
        check_outputs(outputs, self.spec)
        return outputs

    def _detections(self, outputs: Outputs, fit: Fit) -> Detections:
        candidates = find_candidates(outputs["boxes"], outputs["scores"], self.spec.score_floor)
        found = self._kept(candidates)
        xyxy = clip_boxes(fit.undo(found.xyxy).astype(np.float32), fit.source_wh)
        masks = None
        if self.spec.task == "segment":
            coefficients = outputs["coefficients"][found.anchor].astype(np.float32, copy=False)
            prototypes = outputs["prototypes"].astype(np.float32, copy=False)
            _check_finite(coefficients, prototypes if len(found) else coefficients)
            masks = cut_masks(prototypes, coefficients, xyxy, fit)
        return Detections(xyxy, found.score, found.class_id.astype(np.int32), masks)

    def _kept(self, candidates: Candidates) -> Candidates:
        """What suppression leaves, at most `max_detections`; losing one that could reject the part is an error."""
        limit = self.spec.max_detections
        rows = suppress(candidates, iou=self.spec.nms_iou, limit=limit + 1)
        if len(rows) > limit and candidates.score[rows[limit]] >= self.spec.decisive_score:
            raise EngineError(
                f"more than {limit} detections with a score of {self.spec.decisive_score:g} or more",
                hint="the image is not what the model knows, or max_detections is too low",
            )
        return candidates.take(rows[:limit])


def _check_finite(*arrays: NDArray[np.float32]) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise EngineError("the model gave masks that are not finite", hint="export the model again; check the GPU")
