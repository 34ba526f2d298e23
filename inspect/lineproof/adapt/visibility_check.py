"""The gate before training: no transform of the preset may erase the defects it is to teach."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import numpy as np

from lineproof.adapt.augment import Augmentation, Step
from lineproof.adapt.visibility import View, compare, view_of
from lineproof.core import Sample
from lineproof.data.choose import choose_samples
from lineproof.data.dataset import Dataset
from lineproof.data.loading import Progress, silent
from lineproof.errors import GateError, ImageError

IMAGES = 24  # sampled, a few of each class; with DRAWS some seconds on a slow core, and enough for a median
DRAWS = 4  # of each transform on each image
LEAST_MEDIAN = 0.5  # half of what makes a class visible must be left in half of the draws
LEAST_DRAWS = 3 * DRAWS  # of a class for a median of its own: three defects, one may be odd
LOST = 0.25  # a draw that leaves less than a quarter has erased its defect
MOST_LOST = 0.05  # share of the draws
SMALLEST_PX = 2.0  # shorter side of a box at its training size; ultralytics drops what is smaller


@dataclass(frozen=True, slots=True)
class Figures:
    """One transform on one class, whenever it is applied."""

    transform: str
    class_name: str
    draws: int
    median: float  # of the share of visibility that is kept
    lowest: float  # its 5th percentile
    lost: float  # share of draws that leave less than LOST


@dataclass(frozen=True, slots=True)
class Size:
    """How large the sampled defects of one class are at the size they are trained at."""

    class_name: str
    defects: int
    area_px: float  # median
    short_side_px: float  # median
    cnr: float  # median before any transform


@dataclass(frozen=True, slots=True)
class Visibility:
    """What was measured, and what is refused."""

    imgsz: int
    sizes: tuple[Size, ...]
    figures: tuple[Figures, ...]
    refusals: tuple[GateError, ...]

    def as_line(self) -> str:
        """The transform that takes most, for a person."""
        worst = min(self.figures, key=lambda row: row.median)
        return (
            f"defects stay visible; {worst.transform} takes most and leaves {worst.median:.0%} "
            f"of what shows {worst.class_name}"
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "imgsz": self.imgsz,
            "classes": [asdict(size) for size in self.sizes],
            "transforms": [asdict(row) for row in self.figures],
            "refused": [str(refusal) for refusal in self.refusals],
        }


def check_visible(dataset: Dataset, augmentation: Augmentation, imgsz: int, *, seed: int = 0) -> Visibility:
    """Measure on training images, and refuse to train when a transform erases defects.

    Raises:
        GateError: names transform, class and figure, and the remedy.
    """
    views = sample_views(dataset, imgsz, seed=seed)
    seen = measure(views, dataset.classes, augmentation, imgsz, seed=seed)
    if seen.refusals:
        raise seen.refusals[0]
    return seen


def sample_views(dataset: Dataset, imgsz: int, *, count: int = IMAGES, seed: int = 0) -> list[View]:
    """Training images with defects at the size they are trained at; one that cannot be read is named elsewhere."""
    views = []
    for sample in bad_training_samples(dataset, count, seed):
        with suppress(ImageError):
            views.append(view_of(sample, imgsz))
    return views


def bad_training_samples(dataset: Dataset, count: int, seed: int) -> list[Sample]:
    """Up to `count` training images with defects, dealt from every class in turn."""
    bad = tuple(sample for sample in dataset.samples if sample.split == "train" and not sample.ok)
    return choose_samples(replace(dataset, samples=bad), count, seed) if bad else []


def measure(
    views: Sequence[View],
    classes: Sequence[str],
    augmentation: Augmentation,
    imgsz: int,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Visibility:
    """Apply each transform by itself, always, to every view."""
    figures: list[Figures] = []
    refusals = _too_small(views, classes, imgsz)
    for step in progress(augmentation.transforms, "measuring"):
        if step.p > 0:
            kept = _kept_by_class(views, step, seed)
            rows = [_figures(step, classes[class_id], shares) for class_id, shares in sorted(kept.items())]
            figures += rows
            refusals += _refusals(step, rows)
    return Visibility(imgsz, _sizes(views, classes), tuple(figures), tuple(refusals))


def _kept_by_class(views: Sequence[View], step: Step, seed: int) -> dict[int, list[float]]:
    """Shares of visibility kept, one for each draw and defect that could be seen before."""
    transform = A.Compose([step.model_copy(update={"p": 1.0}).build()], seed=seed)
    kept: dict[int, list[float]] = defaultdict(list)
    for view in views:
        for _ in range(DRAWS):
            image = transform(image=view.image)["image"]
            for defect in view.defects:
                found = compare(image, defect, blurred=step.blurs)
                if found is not None:
                    kept[defect.class_id].append(found.share)
    return kept


def _figures(step: Step, class_name: str, shares: list[float]) -> Figures:
    kept = np.array(shares)
    return Figures(
        step.name,
        class_name,
        len(shares),
        round(float(np.median(kept)), 3),
        round(float(np.quantile(kept, 0.05)), 3),
        round(float((kept < LOST).mean()), 3),
    )


def _refusals(step: Step, rows: Sequence[Figures]) -> list[GateError]:
    """One for a class whose median is too low, one for too many lost draws over all classes."""
    told = [row for row in rows if row.draws >= LEAST_DRAWS]
    worst = min(told, key=lambda row: row.median, default=None)
    if worst is not None and worst.median < LEAST_MEDIAN:
        also = [row.class_name for row in told if row.median < LEAST_MEDIAN and row is not worst]
        return [
            GateError(
                f"augmentation {step.name} hides {', '.join([worst.class_name, *also])}: it leaves {worst.median:.0%} of what makes "
                f"{worst.class_name} visible (median of {worst.draws} draws; {LEAST_MEDIAN:.0%} are needed)",
                hint=_REMEDY.format(step=step.name),
            )
        ]
    draws = sum(row.draws for row in rows)
    lost = round(sum(row.lost * row.draws for row in rows))
    if draws and _surely_more(lost, draws, MOST_LOST):
        worst = max(rows, key=lambda row: row.lost)
        return [
            GateError(
                f"augmentation {step.name} erases defects: {lost} of {draws} draws leave less than {LOST:.0%} of what "
                f"makes them visible ({MOST_LOST:.0%} may; most of {worst.class_name}, {worst.lost:.0%})",
                hint=_REMEDY.format(step=step.name),
            )
        ]
    return []


_REMEDY = (
    "weaken {step} in the preset, take a milder one (`augment: mild` in the recipe) or a larger --imgsz; "
    "look at it with `lineproof data augment-preview`"
)


def _surely_more(count: int, of: int, limit: float) -> bool:
    """Whether a share is above a limit beyond chance: the lower end of its 95 % Wilson interval is."""
    z, share = 1.645, count / of
    middle = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - reach) / (1 + z * z / of) > limit


def _sizes(views: Sequence[View], classes: Sequence[str]) -> tuple[Size, ...]:
    found = defaultdict(list)
    for view in views:
        for defect in view.defects:
            found[defect.class_id].append((defect.area_px, defect.short_side_px, abs(defect.before.cnr)))
    return tuple(
        Size(classes[class_id], len(rows), *(round(float(v), 2) for v in np.median(np.array(rows), axis=0)))
        for class_id, rows in sorted(found.items())
    )


def _too_small(views: Sequence[View], classes: Sequence[str], imgsz: int) -> list[GateError]:
    """A class most of whose defects the trainer would drop, for they are no two pixels wide."""
    return [
        GateError(
            f"{size.class_name} vanishes at {imgsz} px: half of its defects are less than {SMALLEST_PX:g} px wide "
            f"(median {size.short_side_px:.1f} px, {size.defects} defects)",
            hint=f"train with --imgsz {math.ceil(imgsz * SMALLEST_PX / max(size.short_side_px, 0.1) / 32) * 32} or more",
        )
        for size in _sizes(views, classes)
        if size.short_side_px < SMALLEST_PX
    ]
