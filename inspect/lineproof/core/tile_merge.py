"""What was found on tiles becomes one answer for the frame: pieces joined, doubles dropped.

Merging everything of one class that overlaps by its smaller box (intersection over smaller, as SAHI's greedy merging does)
swallows a small defect inside a large one's box, merges where no tile ends, and yet fails to join a defect longer than
twice the overlap: its pieces share little of their areas. Here only *cut* pieces – boxes that end at an edge of their tile
which lies inside the frame – are ever joined, and they are compared where both tiles look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core.boxes import F32, box_area, box_iou
from lineproof.core.detections import Detections
from lineproof.core.masks import BoxMask
from lineproof.core.tiles import Tile, Tiling

Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]

# The two sides of a cut see different parts of a defect and score it differently; but noise a tenth as sure as a defect
# must not stretch its box.
SCORE_RATIO = 0.2
# Pieces that both run through the strip two tiles share: of a slanting scratch the boxes meet in a corner only.
THROUGH_SHARE = 0.1


def merge_tiles(found: Sequence[Detections], tiles: Sequence[Tile], tiling: Tiling, nms_iou: float) -> Detections:
    """One answer for the frame from the answer of each tile, surest first.

    `found` holds one entry per tile, in frame pixels and inside its tile. Per class: a cut piece that lies in a box
    another tile sees whole is dropped in favour of that box; cut pieces that continue each other become the union of
    their boxes and masks; of boxes of different tiles that overlap by more than `nms_iou` the surest stays. What stays has
    the highest score of what went into it, so that no sure detection is lost to its less sure half. The order of tiles and
    of detections in them does not matter.
    """
    if len(tiles) == 1:
        return found[0]
    every = Detections.concat(found)
    if not len(every):
        return every
    spans = np.array([tile.xyxy for tile in tiles], np.float32)
    tile_of = np.repeat(np.arange(len(tiles)), [len(part) for part in found])
    order = _surest_first(every, spans[tile_of])
    pieces = _Pieces(every[order], tile_of[order], spans, _inner_edges(spans), tiling)
    return _without_doubles(*pieces.joined(), nms_iou)


def _surest_first(every: Detections, spans: F32) -> Rows:
    """One order whatever order they came in: by score, then class, box and tile."""
    keys = (*spans.T[::-1], *every.xyxy.T[::-1], every.class_id, -every.score)
    return np.lexsort(keys)


def _inner_edges(spans: F32) -> Bools:
    """Which edges (left, top, right, bottom) of each tile lie inside the frame."""
    frame = np.concatenate([spans[:, :2].min(axis=0), spans[:, 2:].max(axis=0)])
    return np.asarray(spans != frame, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Everything found, surest first, with the tile it was found on."""

    found: Detections
    tile_of: Rows
    spans: F32  # (tiles, 4)
    inner: Bools  # (tiles, 4)
    tiling: Tiling

    def joined(self) -> tuple[Detections, NDArray[np.intp]]:
        """Whole boxes and joined pieces, and the tile of each (−1: of several)."""
        cut = self._cut()
        score = self.found.score.copy()
        dropped = self._drop_for_whole(cut, score)
        groups = self._groups(cut, dropped)
        rows = [group[0] for group in groups]
        boxes, masks = self.found.xyxy.copy(), None if self.found.masks is None else list(self.found.masks)
        tile_of = self.tile_of.copy()
        for group in groups:
            if len(group) > 1:
                part = self.found.xyxy[group]
                boxes[group[0]] = np.concatenate([part[:, :2].min(axis=0), part[:, 2:].max(axis=0)])
                tile_of[group[0]] = -1
                if masks is not None:
                    masks[group[0]] = _united([masks[row] for row in group])
        kept = None if masks is None else tuple(masks[row] for row in rows)
        return Detections(boxes[rows], score[rows], self.found.class_id[rows], kept), tile_of[rows]

    def _cut(self) -> Bools:
        """Which edges (left, top, right, bottom) of each piece are those of its tile, inside the frame."""
        near = np.array(self.tiling.edge_px * 2, np.float32)
        at_edge = np.abs(self.found.xyxy - self.spans[self.tile_of]) <= near
        return np.asarray(at_edge & self.inner[self.tile_of], np.bool_)

    def _drop_for_whole(self, cut: Bools, score: F32) -> Bools:
        """Cut pieces that another tile sees whole; the whole one takes over the higher score."""
        is_cut = cut.any(axis=1)
        dropped = np.zeros(len(self.found), np.bool_)
        whole = np.flatnonzero(~is_cut)
        boxes, ids = self.found.xyxy, self.found.class_id
        for row in np.flatnonzero(is_cut):
            rivals = whole[(ids[whole] == ids[row]) & (self.tile_of[whole] != self.tile_of[row])]
            rivals = rivals[self.found.score[rivals] >= SCORE_RATIO * self.found.score[row]]
            share = _inside(boxes[row], boxes[rivals])
            if len(rivals) and share.max() >= self.tiling.join:
                dropped[row] = True
                best = rivals[int(_nearest(boxes[row], boxes[rivals], share))]
                score[best] = max(score[best], self.found.score[row])
        return dropped

    def _groups(self, cut: Bools, dropped: Bools) -> list[list[int]]:
        """Rows that are one defect; each group begins with its surest."""
        is_cut = np.asarray(cut.any(axis=1), np.bool_)
        free: Bools = np.asarray(is_cut & ~dropped, np.bool_)
        groups = []
        for row in np.flatnonzero(~dropped):
            if not is_cut[row]:
                groups.append([int(row)])
            elif free[row]:
                free[row] = False
                groups.append(self._grown(int(row), cut, free))
        return groups

    def _grown(self, seed: int, cut: Bools, free: Bools) -> list[int]:
        """The surest piece and all that continue it, directly or through others; they are taken out of `free`."""
        group, waiting = [seed], [seed]
        least = SCORE_RATIO * self.found.score[seed]
        while waiting:
            row = waiting.pop()
            others = np.flatnonzero(free & (self.found.class_id == self.found.class_id[seed]))
            others = others[self.found.score[others] >= least]
            others = others[self._continue(row, others, cut)]
            free[others] = False
            group += others.tolist()
            waiting += others.tolist()
        return group

    def _continue(self, row: int, others: Rows, cut: Bools) -> Bools:
        """Which of the other pieces are the same defect as `row`, seen by another tile."""
        box, boxes = self.found.xyxy[row], self.found.xyxy[others]
        tile, tiles = self.spans[self.tile_of[row]], self.spans[self.tile_of[others]]
        strip = np.concatenate([np.maximum(tile[:2], tiles[:, :2]), np.minimum(tile[2:], tiles[:, 2:])], axis=1)
        ours = np.concatenate([np.maximum(box[:2], strip[:, :2]), np.minimum(box[2:], strip[:, 2:])], axis=1)
        theirs = np.concatenate(
            [np.maximum(boxes[:, :2], strip[:, :2]), np.minimum(boxes[:, 2:], strip[:, 2:])], axis=1
        )
        shared = _intersection(ours, theirs)
        smaller = np.minimum(box_area(ours), box_area(theirs))
        agree = (shared > 0) & (shared >= self.tiling.join * smaller)
        agree &= self._cut_towards(row, others, cut)
        run_through = self._run_through(row, others, cut, axis=0) | self._run_through(row, others, cut, axis=1)
        return np.asarray((agree | run_through) & (self.tile_of[others] != self.tile_of[row]), np.bool_)

    def _cut_towards(self, row: int, others: Rows, cut: Bools) -> Bools:
        """Whether one of the two is cut by an edge that lies in the other's tile."""
        tile, tiles = self.spans[self.tile_of[row]], self.spans[self.tile_of[others]]
        ours = (cut[row] & _edges_inside(tile, tiles)).any(axis=1)
        theirs = (cut[others] & _edges_inside(tiles, tile)).any(axis=1)
        return np.asarray(ours | theirs, np.bool_)

    def _run_through(self, row: int, others: Rows, cut: Bools, *, axis: int) -> Bools:
        """Both end at the far side of the strip their tiles share along the axis, and meet across it."""
        box, boxes = self.found.xyxy[row], self.found.xyxy[others]
        tile, tiles = self.spans[self.tile_of[row]], self.spans[self.tile_of[others]]
        near, across = self.tiling.edge_px[axis], 1 - axis
        before = tile[axis] < tiles[:, axis]  # our tile lies left of, or above, theirs
        touching = np.where(before, tile[axis + 2] >= tiles[:, axis], tiles[:, axis + 2] >= tile[axis])
        facing = np.where(before, cut[row, axis + 2] & cut[others, axis], cut[row, axis] & cut[others, axis + 2])
        ours = np.where(before, box[axis] <= tiles[:, axis] + near, box[axis + 2] >= tiles[:, axis + 2] - near)
        theirs = np.where(before, boxes[:, axis + 2] >= tile[axis + 2] - near, boxes[:, axis] <= tile[axis] + near)
        meet = np.minimum(box[across + 2], boxes[:, across + 2]) - np.maximum(box[across], boxes[:, across])
        shorter = np.minimum(box[across + 2] - box[across], boxes[:, across + 2] - boxes[:, across])
        return np.asarray(
            touching & (tile[axis] != tiles[:, axis]) & facing & ours & theirs & (meet > THROUGH_SHARE * shorter),
            np.bool_,
        )


def _edges_inside(tiles: F32, others: F32) -> Bools:
    """Which edges (left, top, right, bottom) of each tile lie in the other's span along their axis."""
    tiles, others = np.broadcast_arrays(np.atleast_2d(tiles), np.atleast_2d(others))
    low, high = others[:, [0, 1, 0, 1]], others[:, [2, 3, 2, 3]]
    return np.asarray((tiles > low) & (tiles < high), np.bool_)


def _intersection(a: F32, b: F32) -> F32:
    """Areas shared row by row."""
    size = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0)
    shared: F32 = size[:, 0] * size[:, 1]
    return shared


def _inside(box: F32, boxes: F32) -> F32:
    """Share of the one box's area in each of the others; 0 for a box without area."""
    area = float(box_area(box[None])[0])
    shared = _intersection(np.broadcast_to(box, boxes.shape), boxes)
    return shared / np.float32(area) if area else np.zeros_like(shared)


def _nearest(box: F32, boxes: F32, share: F32) -> int:
    """The box that holds most of the piece; among several, the one most like it."""
    held = share >= share.max() - 1e-6
    return int(np.where(held, box_iou(box[None], boxes)[0], -1).argmax())


def _united(masks: Sequence[BoxMask]) -> BoxMask:
    """The pixels set in any of the masks."""
    corners = np.array([mask.xyxy for mask in masks])
    x0, y0 = corners[:, :2].min(axis=0).tolist()
    x1, y1 = corners[:, 2:].max(axis=0).tolist()
    bitmap = np.zeros((y1 - y0, x1 - x0), np.bool_)
    for mask in masks:
        left, top, right, bottom = mask.xyxy
        bitmap[top - y0 : bottom - y0, left - x0 : right - x0] |= mask.bitmap
    return BoxMask(x0, y0, bitmap)


def _without_doubles(found: Detections, tile_of: Rows, nms_iou: float) -> Detections:
    """Greedy suppression between tiles: within one, the engine has done it."""
    order = np.lexsort((*found.xyxy.T[::-1], found.class_id, -found.score))
    found, tile_of = found[order], tile_of[order]
    alive = np.ones(len(found), np.bool_)
    for row in range(len(found)):
        if not alive[row]:
            continue
        rest = np.flatnonzero(alive[row + 1 :]) + row + 1
        rest = rest[found.class_id[rest] == found.class_id[row]]
        rest = rest[(tile_of[rest] != tile_of[row]) | (tile_of[rest] < 0)]
        alive[rest[box_iou(found.xyxy[row : row + 1], found.xyxy[rest])[0] > nms_iou]] = False
    return found[alive]
