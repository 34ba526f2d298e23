"""From a model and a folder of images nobody annotated to the list of those to annotate next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.features import Backbone
from lineproof.adapt.image_features import features_of
from lineproof.core import Detections
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.data.gap.space import F64, Space, distances
from lineproof.data.image_set import ImageSet, join_twins, readable
from lineproof.data.loading import Progress, silent
from lineproof.data.pick import Doubt, choose, doubt_of
from lineproof.data.pick.words import reason
from lineproof.errors import InputError
from lineproof.ports import Engine

NOTHING = ImageSet("nothing", Path("/"), (), ())


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A bundle's engine and its operating point."""

    engine: Engine
    thresholds: tuple[Threshold, ...]  # by class id


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """One image to annotate."""

    rank: int  # from 1
    image: Path
    title: str
    doubt: Doubt
    distance: float | None  # from everything annotated or picked before, in features; None for the first of all
    times_typical: float | None  # the same, in the usual distance between neighbours of the pool
    found: Detections
    reason: str

    def as_dict(self) -> dict[str, object]:
        """For JSON and CSV."""
        return {
            "rank": self.rank,
            "image": str(self.image),
            "uncertainty": round(self.doubt.value, 4),
            "distance": None if self.distance is None else round(self.distance, 4),
            "times_typical": None if self.times_typical is None else round(self.times_typical, 3),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """The list, and what became of the other images."""

    picks: tuple[Pick, ...]
    pool: int  # readable images
    near_annotated: int  # not offered: they show what is annotated already
    unreadable: tuple[str, ...]


def pick_next(
    pool: ImageSet,
    count: int,
    backbone: Backbone,
    *,
    annotated: ImageSet = NOTHING,
    judge: Judge | None = None,
    twins: bool = True,
    progress: Progress = silent,
) -> Picked:
    """Choose up to `count` images: doubtful ones first, spread over what the annotated images do not show.

    Without a judge all are equally doubtful, and only their spread decides.

    Raises:
        InputError: no readable image in the pool.
    """
    pool, annotated = readable(pool, progress), readable(annotated, progress)
    if not len(pool):
        raise InputError(f"{pool.root}: no image that can be read", hint="check the files")
    clusters, seen = _clusters(pool, annotated, progress, twins=twins)
    points, known = _points(pool, annotated, backbone, progress)
    found = [_detect(judge, path) for path in progress(pool.paths, "inspecting")]
    doubts = [Doubt(1.0, ()) if judge is None else doubt_of(each, judge.thresholds) for each in found]
    values = np.array([doubt.value for doubt in doubts])
    chosen = choose(points, count, annotated=known, doubt=values, clusters=clusters, seen=seen)
    usual = _usual_distance(points)
    classes, thresholds = (judge.engine.classes, judge.thresholds) if judge else ((), ())
    picks = []
    for rank, each in enumerate(chosen, start=1):
        row = each.row
        times = None if each.distance is None else each.distance / usual
        why = reason(found[row], doubts[row], classes, thresholds, times)
        path, title = pool.paths[row], pool.title(row)
        picks.append(Pick(rank, path, title, doubts[row], each.distance, times, found[row], why))
    near = int(np.isin(clusters, list(seen)).sum())
    return Picked(tuple(picks), len(pool), near, (*pool.unreadable, *annotated.unreadable))


def _detect(judge: Judge | None, path: Path) -> Detections:
    return Detections.empty() if judge is None else judge.engine.detect(read_image(path))[0]


def _clusters(
    pool: ImageSet, annotated: ImageSet, progress: Progress, *, twins: bool
) -> tuple[NDArray[np.intp], set[int]]:
    """A number `(n,)` for each image of the pool, the same for near-duplicates; and the numbers that are annotated."""
    # Images of one part may show different defects: here only the pictures tell what is a duplicate, never their groups.
    alone = [_each_alone(images) for images in (pool, annotated)]
    groups, known = join_twins(alone, progress, twins=twins)
    numbers = {name: number for number, name in enumerate(dict.fromkeys([*groups, *known]))}
    return np.array([numbers[name] for name in groups], np.intp), {numbers[name] for name in known}


def _each_alone(images: ImageSet) -> ImageSet:
    return ImageSet(images.name, images.root, images.paths, tuple(str(path) for path in images.paths))


def _points(pool: ImageSet, annotated: ImageSet, backbone: Backbone, progress: Progress) -> tuple[F64, F64]:
    """Coordinates of the pool `(n, k)` and of the annotated images `(m, k)` in one space."""
    features = features_of(pool.paths, backbone, progress), features_of(annotated.paths, backbone, progress)
    space = Space.fit(np.concatenate(features))
    return space.project(features[0]), space.project(features[1])


def _usual_distance(points: F64) -> float:
    """Median distance of an image of the pool from its nearest neighbour; 1 when there is none."""
    if len(points) < 2:
        return 1.0
    between = distances(points, points)
    np.fill_diagonal(between, np.inf)
    return float(max(np.median(between.min(1)), 1e-9))


def shown_detections(pick: Pick, thresholds: Sequence[Threshold]) -> Detections:
    """What is worth drawing: what the model doubts, and what it is sure of."""
    sure = [
        row for row in range(len(pick.found)) if pick.found.score[row] >= thresholds[pick.found.class_id[row]].score
    ]
    return pick.found[sorted({*pick.doubt.rows, *sure})]
