"""From two sets of image files to their gap."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from lineproof.adapt.features import Backbone
from lineproof.adapt.image_features import features_of
from lineproof.data.formats.wording import count
from lineproof.data.gap import Gap, Side, measure_gap
from lineproof.data.gap.facts import MEASURES, measure_image
from lineproof.data.gap.space import F64
from lineproof.data.image_set import ImageSet, join_twins, readable, thinned
from lineproof.data.loading import Progress, silent
from lineproof.errors import InputError


@dataclass(frozen=True, slots=True)
class GapOptions:
    """How a gap is measured."""

    permutations: int = 1000
    seed: int = 0
    most: int = 2000  # images of a set that are looked at
    twins: bool = True  # join images that show the same place


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The gap, and the images it was measured on."""

    gap: Gap
    a: ImageSet
    b: ImageSet


def compare_sets(
    a: ImageSet, b: ImageSet, backbone: Backbone, options: GapOptions = GapOptions(), progress: Progress = silent
) -> Compared:
    """Measure how far B is from A in the backbone's features.

    Raises:
        InputError: both sets hold the same file, or one is too small.
    """
    _refuse_overlap(a, b)
    a, b = (thinned(images, options.most, options.seed) for images in (a, b))
    (a, facts_a), (b, facts_b) = (_measured(images, progress) for images in (a, b))
    groups_a, groups_b = join_twins((a, b), progress, twins=options.twins)
    side_a = Side(a.name, features_of(a.paths, backbone, progress), facts_a, groups_a)
    side_b = Side(b.name, features_of(b.paths, backbone, progress), facts_b, groups_b)
    return Compared(measure_gap(side_a, side_b, permutations=options.permutations, seed=options.seed), a, b)


def _refuse_overlap(a: ImageSet, b: ImageSet) -> None:
    shared = {os.path.realpath(path) for path in a.paths} & {os.path.realpath(path) for path in b.paths}
    if shared:
        what = "the same images twice" if len(shared) == len(a) == len(b) else f"{count(len(shared), 'image')} in both"
        raise InputError(
            f"{a.name} and {b.name}: {what}", hint="name two folders, or two splits with --split-a and --split-b"
        )


def _measured(images: ImageSet, progress: Progress) -> tuple[ImageSet, F64]:
    """The images that can be read, and their facts `(n, 7)`."""
    facts: list[F64] = []
    kept = readable(images, progress, look=lambda image: facts.append(measure_image(image)))
    return kept, np.array(facts, np.float64).reshape(-1, len(MEASURES))
