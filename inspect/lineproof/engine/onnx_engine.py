"""The engine of the line: pixels to detections through one session, numpy and OpenCV."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.bundle.open import Bundle
from lineproof.core import Detections, Image, StageTimes
from lineproof.core.boxes import clip_boxes
from lineproof.engine.classify import whole_frame
from lineproof.engine.contract import Outputs, check_session, named_outputs
from lineproof.engine.decode import Candidates
from lineproof.engine.graph_check import check_graph
from lineproof.engine.head import head_of
from lineproof.engine.heat import check_gives_heat, heat_by_class
from lineproof.engine.letterbox import Fit, Letterbox
from lineproof.engine.masks import cut_masks
from lineproof.engine.nms import average, suppress
from lineproof.engine.providers import GPU_PROVIDERS, open_session
from lineproof.engine.sessions.engine_cache import EngineCache
from lineproof.engine.sessions.session import OpenSession, SessionWish
from lineproof.engine.spec import EngineSpec
from lineproof.engine.tiling import detect_tiled
from lineproof.errors import EngineError, SettingsError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

# 1080p to 640 beside an H100, on the server's own cores: one frame 0.76 ms on one thread, 0.36 on four and on eight;
# sixteen frames 15.3 ms one by one, 5.6 with OpenCV's four threads, 3.3 with eight frames at a time besides.
RESIZE_THREADS = 4
_FRAMES_AT_ONCE = 8


class OnnxEngine:
    """Pixels to detections through one session, whichever runtime it belongs to.

    May be called from several threads at once: each has its own input buffer, and a thread that hangs in a run holds
    nothing another one needs, so that the line can replace it.
    """

    def __init__(self, opened: OpenSession, spec: EngineSpec) -> None:
        """Take a finished session; `open` and `from_model` build one."""
        self.spec = spec
        self.classes = spec.classes
        self.input_wh = spec.input_wh
        self.provider = opened.session.provider
        self.precision = opened.session.precision  # of the arithmetic, which may be finer than the bundle allows
        self.fallback = opened.fallback  # why `auto` did not get the better hardware; empty when it did
        self.cache_note = opened.cache_note  # what came of the cache of compiled engines; empty when none is used
        self.max_batch = opened.session.max_batch
        self._session = opened.session
        self._allocate = opened.session.input_buffer
        self._buffers = threading.local()
        # Batch and output shapes that were checked against the contract once.
        self._sound_shapes: set[tuple[int, tuple[tuple[int, ...], ...]]] = set()

    @classmethod
    def open(
        cls,
        bundle: Bundle,
        provider: str = "auto",
        threads: int | None = None,
        *,
        spin: bool = False,
        decisive_score: float | None = None,
        max_batch: int = 1,
        cached: bool = True,
        warm: bool = True,
        heat: bool = False,
    ) -> Self:
        """Build the session from a verified bundle and warm it up, unless its probes will do that.

        A line whose rules reject at lower scores than the bundle's own thresholds says so by `decisive_score`, see
        `EngineSpec`. `spin` trades a busy core for a few per cent of latency; `max_batch` is how many images
        `detect_many` may run at once; `cached` lets providers that compile keep the result for the next start; `heat`
        lets a classifier's `heat` be asked for.

        Raises:
            ProviderError: the hardware asked for is not there.
            EngineError: the model cannot be loaded, is not what the manifest says, or gives no heat.
        """
        spec = EngineSpec.of(bundle.manifest)
        if heat:
            check_gives_heat(spec)
            spec = replace(spec, heat=True)
        if decisive_score is not None:
            spec = replace(spec, decisive_score=decisive_score)
        cache = EngineCache(bundle.digest) if cached else None
        return cls.from_model(
            bundle.model, spec, provider, threads, spin=spin, max_batch=max_batch, cache=cache, warm=warm
        )

    @classmethod
    def from_model(
        cls,
        model: bytes,
        spec: EngineSpec,
        provider: str = "auto",
        threads: int | None = None,
        *,
        spin: bool = False,
        max_batch: int = 1,
        cache: EngineCache | None = None,
        warm: bool = True,
    ) -> Self:
        """The same from the bytes of a model that is not sealed yet: parity and thresholds are found this way."""
        check_graph(model)
        wish = SessionWish(
            provider=provider,
            output_names=spec.output_names,
            unread=tuple(name for name in spec.file_outputs if name not in spec.output_names),
            precision=spec.precision,
            threads=threads,
            spin=spin,
            max_batch=max_batch,
            dynamic=spec.dynamic,
            input_hwc=(spec.input_wh[1], spec.input_wh[0], spec.channels),
            cache=cache,
        )
        opened = open_session(model, wish)
        check_session(opened.session, spec)
        # One pool of threads: on a CPU, OpenCV's would wake for every resize and compete with the session's for the same
        # cores. Beside a GPU the cores are idle, and the letterbox is what its runs wait for.
        cv2.setNumThreads(RESIZE_THREADS if opened.provider in GPU_PROVIDERS else 1)
        engine = cls(opened, spec)
        if warm:
            engine.warm_up()
        return engine

    def warm_up(self) -> None:
        """One run on a grey frame: memory is taken and kernels are chosen before the first part, not on it.

        With tiles, on as many of them as one run takes.
        """
        width, height = self.input_wh
        if self.spec.tiles is not None:
            (width, height), (overlap, _) = self.spec.tiles.slice_wh, self.spec.tiles.overlap_wh
            width += (self.max_batch - 1) * (width - overlap)
        self.detect(np.full((height, width, 3), self.spec.pad_value, np.uint8))

    def keep_from(self, score_floor: float) -> None:
        """Keep less sure detections, too, than the bundle does: for measuring, as no decision looks at them."""
        if not 0 <= score_floor <= self.spec.score_floor:
            raise SettingsError(
                f"a score floor of {score_floor:g} lies above the bundle's own, {self.spec.score_floor:g}",
                hint="use a lower one: published mAP counts from 0.001 on",
            )
        self.spec = replace(self.spec, score_floor=score_floor)

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """Detections of an `(H, W, 3)` uint8 BGR image in its own pixels, surest first.

        Raises:
            EngineError: the run failed, gave numbers that are none, or so many detections that some that could reject
                the part would be lost.
        """
        _check_image(image)
        if self.spec.tiles is not None:
            return detect_tiled(image, self.spec.tiles, self.spec, self._runs)
        return self._detect_whole(image)

    def _detect_whole(self, image: Image) -> tuple[Detections, StageTimes]:
        started = time.perf_counter()
        canvas, fit = self._letterbox().fill(image)
        filled = time.perf_counter()
        outputs = self._run(canvas)
        ran = time.perf_counter()
        detections = self._detections(outputs, 0, fit)
        return detections, _times(started, filled, ran, time.perf_counter())

    def detect_many(self, images: Sequence[Image]) -> list[tuple[Detections, StageTimes]]:
        """`detect` of several images, in as few runs as the session's `max_batch` allows.

        Every image is answered with the time of the whole run it was part of: that is what its caller waited for.
        With tiles, those of one image fill the runs already.
        """
        for image in images:
            _check_image(image)
        if self.spec.tiles is not None:
            return [self.detect(image) for image in images]
        return [(detections, times) for found, times in self._runs(images) for detections in found]

    def heat(self, image: Image, most: int | None = None) -> dict[str, NDArray[np.float32]]:
        """What of an image speaks for each class: evidence `(H, W)` in its own pixels by class name, surest class first.

        Above 0 speaks for the class. `most` is for how many classes; one map of a large frame takes 4 bytes a pixel.

        Raises:
            EngineError: the engine was not opened with `heat`, the run failed, or gave numbers that are none.
        """
        if not self.spec.heat:
            raise EngineError("the engine was opened without heat maps", hint="open it with heat=True")
        _check_image(image)
        canvas, fit = self._letterbox().fill(image)
        outputs = self._run(canvas)
        return heat_by_class(outputs["probabilities"][0], outputs["heat"][0], self.classes, fit, most)

    def _runs(self, images: Sequence[Image]) -> Iterator[tuple[list[Detections], StageTimes]]:
        """The images in as few runs as the session allows: what was found on each, and the times of its run."""
        if self.max_batch == 1 or self.spec.dynamic:  # of a dynamic model each image has its own input size
            for image in images:
                detections, times = self._detect_whole(image)
                yield [detections], times
            return
        for first in range(0, len(images), self.max_batch):
            yield self._detect_batch(images[first : first + self.max_batch])

    def _detect_batch(self, images: Sequence[Image]) -> tuple[list[Detections], StageTimes]:
        started = time.perf_counter()
        canvas, places = self._tray()
        fits = [fit for _, fit in self._hands.map(Letterbox.fill, places, images)]
        filled = time.perf_counter()
        outputs = self._run(canvas[: len(images)])
        ran = time.perf_counter()
        # One by one: decoding is many short steps of Python, which threads only hand back and forth (1.8 against 5.6 ms).
        found = [self._detections(outputs, index, fit) for index, fit in enumerate(fits)]
        return found, _times(started, filled, ran, time.perf_counter())

    @cached_property
    def _hands(self) -> ThreadPoolExecutor:
        """Threads that letterbox the frames of a batch; a line that runs one frame at a time never has them."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(_FRAMES_AT_ONCE, "lineproof-letterbox")

    def _letterbox(self) -> Letterbox:
        """The input buffer of the calling thread."""
        if not hasattr(self._buffers, "letterbox"):
            self._buffers.letterbox = self._new_letterbox(None)
        letterbox: Letterbox = self._buffers.letterbox
        return letterbox

    def _tray(self) -> tuple[NDArray[np.uint8], list[Letterbox]]:
        """The batch buffer of the calling thread, and a letterbox for each place in it."""
        if not hasattr(self._buffers, "tray"):
            width, height = self.input_wh
            canvas = self._allocate((self.max_batch, height, width, self.spec.channels))
            places = [self._new_letterbox(canvas[place : place + 1]) for place in range(self.max_batch)]
            self._buffers.tray = canvas, places
        tray: tuple[NDArray[np.uint8], list[Letterbox]] = self._buffers.tray
        return tray

    def _new_letterbox(self, canvas: NDArray[np.uint8] | None) -> Letterbox:
        spec = self.spec
        return Letterbox(
            spec.input_wh,
            dynamic=spec.dynamic,
            pad_value=spec.pad_value,
            channels=spec.channels,
            canvas=canvas,
            allocate=self._allocate,
        )

    def _run(self, canvas: NDArray[np.uint8]) -> Outputs:
        arrays = self._session.run(canvas)
        shapes = len(canvas), tuple(array.shape for array in arrays)
        if shapes in self._sound_shapes:
            return dict(zip(self.spec.output_names, arrays, strict=True))
        outputs = named_outputs(arrays, self.spec, batch=len(canvas))
        if not self.spec.dynamic:  # their sizes are without number
            self._sound_shapes.add(shapes)
        return outputs

    def _detections(self, outputs: Outputs, index: int, fit: Fit) -> Detections:
        if self.spec.task == "classify":
            return whole_frame(outputs["probabilities"][index], fit.source_wh, self.spec.score_floor)
        head = head_of(outputs, self.spec, index)
        found = self._kept(head.candidates())
        xyxy = clip_boxes(fit.undo(found.xyxy).astype(np.float32), fit.source_wh)
        masks = None
        if self.spec.task == "segment":
            coefficients = head.coefficients(found.anchor)
            prototypes = outputs["prototypes"][index].astype(np.float32, copy=False)
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
        found = candidates.take(rows[:limit])
        if self.spec.averaged and len(found):
            return replace(found, xyxy=average(candidates, rows[:limit], iou=self.spec.nms_iou))
        return found


def _check_image(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise EngineError(f"expected an image (H, W, 3) uint8, got {image.shape} {image.dtype}")


def _times(started: float, filled: float, ran: float, done: float) -> StageTimes:
    return StageTimes(preprocess=1e3 * (filled - started), infer=1e3 * (ran - filled), postprocess=1e3 * (done - ran))


def _check_finite(*arrays: NDArray[np.float32]) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise EngineError("the model gave masks that are not finite", hint="export the model again; check the GPU")
