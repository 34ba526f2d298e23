"""The gate between training and sealing: the runtime engine must see what the trained model sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from lineproof.adapt.trained_model import TrainedModel
from lineproof.bundle.manifest import ParityReport
from lineproof.core import Detections, Image
from lineproof.core.decode import read_image
from lineproof.core.masks import mask_iou
from lineproof.core.threshold import Threshold
from lineproof.core.tile_merge import merge_tiles
from lineproof.core.tiles import Tiling
from lineproof.engine.pairing import pair_detections
from lineproof.engine.spec import EngineSpec
from lineproof.errors import ParityError
from lineproof.ports import Engine
from lineproof.rules.judge import Limit, compile_limits, judge
from lineproof.rules.tolerance import Rules

Progress = Callable[[int, int], None]  # images done, images in all

_SAME_IOU = 0.99  # of what one engine found twice: in batches of another size its last digits may differ


# Of the model's input, for a cell of its masks. On tiles at 192 px masks of boxes narrower than that overlapped by 0.75,
# all wider ones by 0.97 to 0.98.
MASK_CELL_PX = 4


@dataclass(frozen=True, slots=True)
class ParityTolerance:
    """How far the engine may be off on detections that can reject a part; the defaults suit a float32 export."""

    box_px: float = 0.5
    score: float = 0.01
    mask_iou: float = 0.95


@dataclass(slots=True)
class _Tally:
    """What has been seen so far."""

    images: int = 0
    matched: int = 0
    trained_alone: int = 0
    runtime_alone: int = 0
    nms_ties: int = 0
    box_px: float = 0.0
    score: float = 0.0
    flips: int = 0
    mask_ious: list[float] = field(default_factory=list)  # of all pairs
    decisive_ious: list[float] = field(default_factory=list)  # of those that can reject and have a shape of their own
    problems: list[str] = field(default_factory=list)  # each names its image

    def report(self) -> ParityReport:
        """The figures for the manifest."""
        ious = self.mask_ious
        return ParityReport(
            images=self.images,
            matched=self.matched,
            unmatched_trained=self.trained_alone,
            unmatched_runtime=self.runtime_alone,
            nms_ties=self.nms_ties,
            max_box_difference_px=self.box_px,
            max_score_difference=self.score,
            min_mask_iou=min(ious) if ious else None,
            mean_mask_iou=float(np.mean(ious)) if ious else None,
            decision_flips=self.flips,
        )


def check_parity(
    engine: Engine,
    trained: TrainedModel,
    images: Sequence[Path],
    thresholds: Mapping[str, Threshold],
    *,
    tolerance: ParityTolerance | None = None,
    progress: Progress | None = None,
) -> ParityReport:
    """Compare engine and trained model on every image, at the thresholds the bundle will carry.

    With tiles, every tile is compared by itself – the two sides may break a tie of suppression differently, and of that
    anything may follow when tiles are put together – then the engine's frame with its own tiles put together, and the
    decisions about the frame.

    Raises:
        ParityError: a decision differs, or a detection that can reject a part (at or above its class's review score)
            is missing on one side or differs by more than the tolerance; names the image.
    """
    limits = compile_limits(Rules(), engine.classes, dict(thresholds), trained.spec.score_floor)
    gate = _Gate(tolerance or ParityTolerance(), limits, trained.spec)
    for index, path in enumerate(images):
        pixels = read_image(path)
        if trained.spec.tiles is None:
            frame_wh = pixels.shape[1], pixels.shape[0]
            ties = Ties(trained, pixels, gate.tolerance.box_px)
            gate.compare(path.name, trained.detect(pixels), engine.detect(pixels)[0], ties, frame_wh)
        else:
            _compare_tiled(gate, path.name, pixels, engine, trained, trained.spec.tiles)
        if progress is not None:
            progress(index + 1, len(images))
    return gate.result()


def _compare_tiled(
    gate: _Gate, name: str, pixels: Image, engine: Engine, trained: TrainedModel, tiling: Tiling
) -> None:
    frame_wh = pixels.shape[1], pixels.shape[0]
    tiles = tiling.grid(frame_wh)
    ours: list[Detections] = []
    theirs: list[Detections] = []
    for tile in tiles:
        cut = np.ascontiguousarray(tile.cut(pixels))  # a frame of one tile
        expected, got = trained.detect(cut), engine.detect(cut)[0]
        gate.compare_found(
            f"{name}, tile at {tile.left},{tile.top}", expected, got, Ties(trained, cut, gate.tolerance.box_px), tile.wh
        )
        ours.append(tile.to_frame(expected))
        theirs.append(tile.to_frame(got))
    runtime, _ = engine.detect(pixels)
    together = [merge_tiles(found, tiles, tiling, trained.spec.nms_iou) for found in (ours, theirs)]
    expected, own = (found[: trained.spec.max_detections] for found in together)
    gate.compare_put_together(name, own, runtime)
    gate.compare_decisions(name, expected, runtime)


class Ties:
    """What the trained model would find on an image with another limit of suppression; asked only where something differs."""

    def __init__(self, trained: TrainedModel, image: Image, box_px: float) -> None:
        """`box_px`: how far apart one box may lie on the two sides."""
        self._trained = trained
        self._image = image
        self._box_px = box_px

    @cached_property
    def _ways(self) -> tuple[Detections, Detections]:
        return self._trained.ways(self._image)

    def may_lack(self, found: Detections, row: int) -> bool:
        """One of the two ways does not have it."""
        return not all(self._has(way, found, row) for way in self._ways)

    def may_have(self, found: Detections, row: int) -> bool:
        """One of the two ways has it."""
        return any(self._has(way, found, row) for way in self._ways)

    def _has(self, way: Detections, found: Detections, row: int) -> bool:
        apart_px = np.abs(way.xyxy - found.xyxy[row]).max(axis=1, initial=0)
        return bool(((apart_px <= self._box_px) & (way.class_id == found.class_id[row])).any())


class _Gate:
    """Compares image by image and keeps the tally."""

    def __init__(self, tolerance: ParityTolerance, limits: tuple[Limit, ...], spec: EngineSpec) -> None:
        self.tolerance = tolerance
        self._limits = limits
        self._review = np.array([limit.review_score for limit in limits], np.float32)
        self._input_wh = spec.input_wh
        self._frame_wh = (0, 0)
        self._tally = _Tally()

    def compare(
        self, name: str, trained: Detections, runtime: Detections, ties: Ties, frame_wh: tuple[int, int]
    ) -> None:
        """Add one image to the tally."""
        self.compare_found(name, trained, runtime, ties, frame_wh)
        self.compare_decisions(name, trained, runtime)

    def compare_found(
        self, name: str, trained: Detections, runtime: Detections, ties: Ties, frame_wh: tuple[int, int]
    ) -> None:
        """Every detection of a frame, or of a tile as its own frame, with its partner."""
        self._frame_wh = frame_wh
        pairs = pair_detections(trained, runtime, min_iou=0.5)
        for row, partner in pairs:
            self._pair(name, trained, row, runtime, partner, ties)
        lost = sorted(set(range(len(trained))) - {row for row, _ in pairs})
        invented = sorted(set(range(len(runtime))) - {row for _, row in pairs})
        self._tally.trained_alone += self._alone(name, "lost", trained, [(r, ties.may_lack(trained, r)) for r in lost])
        self._tally.runtime_alone += self._alone(
            name, "invented", runtime, [(row, ties.may_have(runtime, row)) for row in invented]
        )

    def compare_put_together(self, name: str, own: Detections, runtime: Detections) -> None:
        """The engine's answer for a frame must be that of its own tiles, put together as training defines it."""
        pairs = pair_detections(own, runtime, min_iou=_SAME_IOU)
        for found, paired in ((own, {row for row, _ in pairs}), (runtime, {row for _, row in pairs})):
            lone = [row for row in range(len(found)) if row not in paired and self._counts(found)[row]]
            if lone:
                self._tally.problems.append(
                    f"{name}: the engine's tiles are put together otherwise: a detection of score "
                    f"{found.score[lone[0]]:.3f} at {found.xyxy[lone[0]].round().tolist()} is on one side only"
                )

    def compare_decisions(self, name: str, trained: Detections, runtime: Detections) -> None:
        """One image's decisions, from all that was found on it."""
        self._tally.images += 1
        expected, got = judge(trained, self._limits).decision, judge(runtime, self._limits).decision
        if expected is not got:
            self._tally.flips += 1
            self._tally.problems.insert(0, f"{name}: the trained model decides {expected}, the engine {got}")

    def result(self) -> ParityReport:
        """The report; raises ParityError when anything was wrong."""
        report = self._tally.report()
        self._check_masks()
        if self._tally.problems:
            more = len(self._tally.problems) - 1
            raise ParityError(
                f"the exported model is not the trained one: {self._tally.problems[0]}"
                + (f" (and {more} more differences)" if more else ""),
                hint="nothing was sealed; export again, and report it when it stays",
            )
        return report

    def _pair(self, name: str, trained: Detections, row: int, runtime: Detections, partner: int, ties: Ties) -> None:
        tally, tolerance = self._tally, self.tolerance
        box_px = float(np.abs(trained.xyxy[row] - runtime.xyxy[partner]).max())
        if box_px > tolerance.box_px and ties.may_lack(trained, row) and ties.may_have(runtime, partner):
            # The engine suppressed this one and kept a neighbour that it would have suppressed: two survivors of one
            # tie, not one detection that moved.
            tally.nms_ties += 1
            return
        score = abs(float(trained.score[row]) - float(runtime.score[partner]))
        tally.matched += 1
        tally.box_px, tally.score = max(tally.box_px, box_px), max(tally.score, score)
        counts = bool(self._counts(trained)[row])
        if trained.masks is not None and runtime.masks is not None:
            overlap = mask_iou(trained.masks[row], runtime.masks[partner])
            tally.mask_ious.append(overlap)
            if counts and self._spans_a_cell(trained, row):
                tally.decisive_ious.append(overlap)
        if not counts:
            return
        if box_px > tolerance.box_px:
            tally.problems.append(f"{name}: a box is off by {box_px:.2f} px, allowed {tolerance.box_px}")
        if score > tolerance.score:
            tally.problems.append(f"{name}: a score is off by {score:.3f}, allowed {tolerance.score}")

    def _check_masks(self) -> None:
        """Masks must overlap on average, or in the middle of those that decide.

        Each is fooled by a kind of noise that barely trained networks have – specks that cannot reject, and masks of one
        pixel beside empty ones, which are filled – and a network that is another one fails both.
        """
        every, decisive = self._tally.mask_ious, self._tally.decisive_ious
        mean = float(np.mean(every)) if every else 1.0
        middle = float(np.median(decisive)) if decisive else mean
        if max(mean, middle) < self.tolerance.mask_iou:
            self._tally.problems.append(
                f"masks overlap by {mean:.3f} on average, by {middle:.3f} in the middle of those that decide, "
                f"needed {self.tolerance.mask_iou}"
            )

    def _spans_a_cell(self, found: Detections, row: int) -> bool:
        """A box narrower than a cell of the mask has no shape of its own: the two sides sample one cell in two ways."""
        x1, y1, x2, y2 = found.xyxy[row].tolist()
        gain = min(size / frame for size, frame in zip(self._input_wh, self._frame_wh, strict=True))
        return bool(min(x2 - x1, y2 - y1) * gain >= MASK_CELL_PX)

    def _alone(self, name: str, what: str, found: Detections, lone: Sequence[tuple[int, bool]]) -> int:
        """Detections of one side without a partner, each with whether it is a tie; ties are counted apart."""
        alone = 0
        for row, tied in lone:
            if tied:
                self._tally.nms_ties += 1
                continue
            alone += 1
            if self._counts(found)[row]:
                self._tally.problems.append(f"{name}: the engine {what} a detection of score {found.score[row]:.3f}")
        return alone

    def _counts(self, detections: Detections) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which detections can reject a part."""
        return detections.score >= self._review[detections.class_id]
