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

from lineproof.core.boxes import F32, box_area
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
_TOUCH_PX = 0.5  # tiles without overlap: pieces that touch are neighbours too


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
    # One order whatever order they came in: by score, then class, box and tile.
    order = np.lexsort((*spans[tile_of].T[::-1], *every.xyxy.T[::-1], every.class_id, -every.score))
    joined, tile_of = _Pieces(every[order], tile_of[order], spans, _inner_edges(spans), tiling).joined()
    return _without_doubles(joined, tile_of, nms_iou)


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

    def joined(self) -> tuple[Detections, Rows]:
        """Whole boxes and joined pieces, and the tile of each (−1: of several)."""
        found = self.found
        near = np.array(self.tiling.edge_px * 2, np.float32)
        cut = (np.abs(found.xyxy - self.spans[self.tile_of]) <= near) & self.inner[self.tile_of]
        first, second = _near_pairs(found, self.tile_of)
        alike = found.score[second] >= SCORE_RATIO * found.score[first]  # the first is the surer
        score = found.score.copy()
        dropped = self._drop_for_whole(cut, first, second, score)
        both_cut = cut[first].any(axis=1) & cut[second].any(axis=1) & alike & ~dropped[first] & ~dropped[second]
        first, second = first[both_cut], second[both_cut]
        linked = self._continue(first, second, cut)
        groups = _grouped(found.score, dropped, first[linked], second[linked])
        return self._united(groups, score)

    def _drop_for_whole(self, cut: Bools, first: Rows, second: Rows, score: F32) -> Bools:
        """Cut pieces that another tile sees whole; the whole one takes over the higher score."""
        is_cut = np.asarray(cut.any(axis=1), np.bool_)
        piece, whole = np.concatenate([first, second]), np.concatenate([second, first])
        chosen = is_cut[piece] & ~is_cut[whole]
        chosen &= self.found.score[whole] >= SCORE_RATIO * self.found.score[piece]
        piece, whole = piece[chosen], whole[chosen]
        boxes = self.found.xyxy
        shared, area = _intersection(boxes[piece], boxes[whole]), box_area(boxes)
        share = np.divide(shared, area[piece], out=np.zeros_like(shared), where=area[piece] > 0)
        held = share >= self.tiling.join
        piece, whole, share, shared = piece[held], whole[held], share[held], shared[held]
        # Of several whole boxes the one that holds most of the piece, then the one most like it, then the surest.
        iou = shared / np.maximum(area[piece] + area[whole] - shared, np.float32(1e-6))
        best = np.lexsort((whole, -iou, -np.round(share, 5), piece))
        pieces, place = np.unique(piece[best], return_index=True)
        np.maximum.at(score, whole[best][place], self.found.score[pieces])
        dropped = np.zeros(len(self.found), np.bool_)
        dropped[pieces] = True
        return dropped

    def _continue(self, first: Rows, second: Rows, cut: Bools) -> Bools:
        """Which pairs of cut pieces are one defect seen by two tiles."""
        ours, theirs = self.found.xyxy[first], self.found.xyxy[second]
        tile, other = self.spans[self.tile_of[first]], self.spans[self.tile_of[second]]
        strip = _common(tile, other)
        ours_there, theirs_there = _common(ours, strip), _common(theirs, strip)
        shared = _intersection(ours_there, theirs_there)
        smaller = np.minimum(box_area(ours_there), box_area(theirs_there))
        # One of the two must be cut by an edge that lies in the other's tile: else both are complete where they meet.
        towards = (cut[first] & _edges_inside(tile, other)).any(axis=1)
        towards |= (cut[second] & _edges_inside(other, tile)).any(axis=1)
        linked = (shared > 0) & (shared >= self.tiling.join * smaller) & towards
        for axis in (0, 1):
            linked |= self._run_through(first, second, cut, axis)
        return np.asarray(linked, np.bool_)

    def _run_through(self, first: Rows, second: Rows, cut: Bools, axis: int) -> Bools:
        """Both end at the far side of the strip their tiles share along the axis, and meet across it."""
        swap = self.spans[self.tile_of[first], axis] > self.spans[self.tile_of[second], axis]
        before, after = np.where(swap, second, first), np.where(swap, first, second)
        box, boxes = self.found.xyxy[before], self.found.xyxy[after]
        tile, tiles = self.spans[self.tile_of[before]], self.spans[self.tile_of[after]]
        near, across = self.tiling.edge_px[axis], 1 - axis
        facing = cut[before, axis + 2] & cut[after, axis]
        facing &= (tile[:, axis] < tiles[:, axis]) & (tile[:, axis + 2] >= tiles[:, axis])
        through = (box[:, axis] <= tiles[:, axis] + near) & (boxes[:, axis + 2] >= tile[:, axis + 2] - near)
        meet = np.minimum(box[:, across + 2], boxes[:, across + 2]) - np.maximum(box[:, across], boxes[:, across])
        shorter = np.minimum(box[:, across + 2] - box[:, across], boxes[:, across + 2] - boxes[:, across])
        return np.asarray(facing & through & (meet > THROUGH_SHARE * shorter), np.bool_)

    def _united(self, groups: Sequence[Sequence[int]], score: F32) -> tuple[Detections, Rows]:
        """Each group as one detection in place of its surest."""
        found, rows = self.found, [group[0] for group in groups]
        boxes, tile_of = found.xyxy.copy(), self.tile_of.copy()
        masks = None if found.masks is None else list(found.masks)
        for group in groups:
            if len(group) > 1:
                part = found.xyxy[list(group)]
                boxes[group[0]] = np.concatenate([part[:, :2].min(axis=0), part[:, 2:].max(axis=0)])
                tile_of[group[0]] = -1
                if masks is not None:
                    masks[group[0]] = _united_mask([masks[row] for row in group])
        kept = None if masks is None else tuple(masks[row] for row in rows)
        return Detections(boxes[rows], score[rows], found.class_id[rows], kept), tile_of[rows]


def _near_pairs(found: Detections, tile_of: Rows) -> tuple[Rows, Rows]:
    """Rows of one class from different tiles that overlap or touch along x, each pair once, the lower row first."""
    # Classes lie side by side on one axis, so that one sweep serves all.
    width = float(found.xyxy[:, 2].max()) + 2 * _TOUCH_PX
    shift = found.class_id.astype(np.float64) * width
    left, right = found.xyxy[:, 0] + shift, found.xyxy[:, 2] + shift + _TOUCH_PX
    order = np.argsort(left, kind="stable")
    until = np.searchsorted(left[order], right[order], side="right")
    counts = np.maximum(until - np.arange(1, len(order) + 1), 0)
    one = np.repeat(np.arange(len(order)), counts)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(counts) - counts, counts)
    a, b = order[one], order[other]
    boxes = found.xyxy
    meet = (boxes[a, 1] <= boxes[b, 3] + _TOUCH_PX) & (boxes[b, 1] <= boxes[a, 3] + _TOUCH_PX)
    apart = (tile_of[a] != tile_of[b]) | (tile_of[a] < 0)
    a, b = a[meet & apart], b[meet & apart]
    return np.minimum(a, b), np.maximum(a, b)


def _grouped(score: F32, dropped: Bools, first: Rows, second: Rows) -> list[list[int]]:
    """Rows that are one defect, grown from the surest; each group begins with it."""
    linked: dict[int, list[int]] = {}
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        linked.setdefault(a, []).append(b)
        linked.setdefault(b, []).append(a)
    taken = dropped.copy()
    groups = []
    for seed in np.flatnonzero(~dropped).tolist():
        if taken[seed]:
            continue
        taken[seed] = True
        group, waiting, least = [seed], [seed], SCORE_RATIO * score[seed]
        while waiting:
            for other in linked.get(waiting.pop(), ()):
                if not taken[other] and score[other] >= least:
                    taken[other] = True
                    group.append(other)
                    waiting.append(other)
        groups.append(group)
    return groups


def _common(a: F32, b: F32) -> F32:
    """What two boxes share, row by row; inverted where they share nothing."""
    shared: F32 = np.concatenate([np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])], axis=1)
    return shared


def _intersection(a: F32, b: F32) -> F32:
    """Areas shared, row by row."""
    return box_area(_common(a, b))


def _edges_inside(tiles: F32, others: F32) -> Bools:
    """Which edges (left, top, right, bottom) of each tile lie in the other's span along their axis."""
    return np.asarray((tiles > others[:, [0, 1, 0, 1]]) & (tiles < others[:, [2, 3, 2, 3]]), np.bool_)


def _united_mask(masks: Sequence[BoxMask]) -> BoxMask:
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
    first, second = _near_pairs(found, tile_of)
    shared, area = _intersection(found.xyxy[first], found.xyxy[second]), box_area(found.xyxy)
    double = shared > np.float32(nms_iou) * (area[first] + area[second] - shared)
    first, second = first[double], second[double]
    alive = np.ones(len(found), np.bool_)
    for place in np.argsort(first, kind="stable").tolist():  # surest first: a pair whose first is gone decides nothing
        if alive[first[place]]:
            alive[second[place]] = False
    return found[alive]
