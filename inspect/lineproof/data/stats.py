"""A dataset in numbers: how many of what, how large, and which image size that asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lineproof.data.dataset import Dataset
from lineproof.data.formats.wording import count
from lineproof.data.split import SplitCount, split_counts

SIZE_EDGES_PX = (0, 4, 8, 16, 32, 64, 128, 256, 512, np.inf)  # side of a square of the same area
# The finest grid of YOLOv8 has one cell every 8 px; a defect narrower than about one cell is found by luck only.
LEAST_SIDE_PX = 8.0
SMALL_QUANTILE = 0.1
SMALLEST_IMGSZ, USUAL_IMGSZ, LARGEST_IMGSZ, STEP_IMGSZ = 160, 640, 1280, 32
BAR = 32


@dataclass(frozen=True, slots=True, eq=False)
class Stats:
    """What a dataset holds; columns run over all instances."""

    classes: tuple[str, ...]
    splits: dict[str, SplitCount]
    image_sizes: Counter[tuple[int, int]]  # width, height
    class_id: NDArray[np.int32]  # (n,)
    box_wh: NDArray[np.float32]  # (n, 2) pixels
    area_share: NDArray[np.float64]  # (n,) of the image: of the mask where there is one, else of the box
    relative_side: NDArray[np.float64]  # (n,) shorter box side as a share of the longer image side
    split: NDArray[np.str_]  # (n,)

    @property
    def imgsz(self) -> int:
        """The model's image size: that of the images up to 640, more for narrow defects; 0 without a defect."""
        if not len(self.relative_side):
            return 0
        needed = LEAST_SIDE_PX / max(float(np.quantile(self.relative_side, SMALL_QUANTILE)), 1e-6)
        native = float(np.median([max(size) for size in self.image_sizes.elements()]))
        wanted = max(needed, min(native, USUAL_IMGSZ))
        rounded = int(np.ceil(wanted / STEP_IMGSZ) * STEP_IMGSZ)
        return min(max(rounded, SMALLEST_IMGSZ), LARGEST_IMGSZ)

    def size_histogram(self) -> dict[str, int]:
        """Number of boxes by the side of a square of the same area."""
        side = np.sqrt(self.box_wh.prod(axis=1))
        counts, _ = np.histogram(side, bins=SIZE_EDGES_PX)
        names = [
            f"{low:g}–{high:g} px" if np.isfinite(high) else f"{low:g} px and more"
            for low, high in pairwise(SIZE_EDGES_PX)
        ]
        return dict(zip(names, counts.tolist(), strict=True))


def collect_stats(dataset: Dataset) -> Stats:
    """Count everything once."""
    samples = [sample for sample in dataset.samples if len(sample.truth)]
    boxes = [sample.truth.xyxy[:, 2:] - sample.truth.xyxy[:, :2] for sample in samples]
    return Stats(
        dataset.classes,
        split_counts(dataset),
        Counter(sample.image_wh for sample in dataset.samples),
        np.concatenate([np.zeros(0, np.int32), *(s.truth.class_id for s in samples)]),
        np.concatenate([np.zeros((0, 2), np.float32), *boxes]),
        np.concatenate([np.zeros(0), *(s.truth.area_px / np.prod(s.image_wh) for s in samples)]),
        np.concatenate([np.zeros(0), *(b.min(axis=1) / max(s.image_wh) for s, b in zip(samples, boxes, strict=True))]),
        np.array([s.split or "(none)" for s in samples for _ in range(len(s.truth))], np.str_),
    )


def stats_dict(stats: Stats) -> dict[str, object]:
    """The numbers, for machines."""
    widths, heights = zip(*stats.image_sizes.elements(), strict=True)
    return {
        "images": stats.image_sizes.total(),
        "ok_images": sum(entry.ok_images for entry in stats.splits.values()),
        "instances": len(stats.class_id),
        "splits": {
            name: {
                "images": entry.images,
                "ok_images": entry.ok_images,
                "groups": entry.groups,
                "instances": entry.instances,
                "class_images": entry.class_images,
            }
            for name, entry in stats.splits.items()
        },
        "image_wh": {
            "smallest": [min(widths), min(heights)],
            "median": [int(np.median(widths)), int(np.median(heights))],
            "largest": [max(widths), max(heights)],
        },
        "box_px": stats.size_histogram(),
        "area_share": {
            name: _quantiles(stats.area_share[stats.class_id == class_id])
            for class_id, name in enumerate(stats.classes)
        },
        "suggested_imgsz": stats.imgsz,
    }


def stats_text(stats: Stats) -> str:
    """Tables and bars for a terminal."""
    widths, heights = zip(*stats.image_sizes.elements(), strict=True)
    smallest, largest = f"{min(widths)}×{min(heights)}", f"{max(widths)}×{max(heights)}"
    lines = [
        f"{count(len(widths), 'image')}, {smallest}" + (f" to {largest}" if len(stats.image_sizes) > 1 else ""),
        "",
        *_split_table(stats),
        "",
        "box size (side of a square of the same area)",
        *_bars(stats.size_histogram()),
        "",
        "area of a defect, share of the image: smallest, median, largest",
        *_area_lines(stats),
    ]
    return "\n".join(lines + (["", *_size_hint(stats)] if stats.imgsz else []))


def _split_table(stats: Stats) -> list[str]:
    """One row a split: images, good ones, groups, instances of each class."""
    rows = [["split", "images", "OK", "groups", *stats.classes]]
    for name, entry in stats.splits.items():
        numbers = [entry.images, entry.ok_images, entry.groups, *entry.instances.values()]
        rows.append([name, *map(str, numbers)])
    return table(rows)


def table(rows: list[list[str]]) -> list[str]:
    """Columns in line: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def _bars(histogram: dict[str, int]) -> list[str]:
    most = max([1, *histogram.values()])
    filled = {name: number for name, number in histogram.items() if number}
    width = max(map(len, filled), default=0)
    return [f"  {name:{width}}  {'█' * max(1, round(BAR * n / most))} {n}" for name, n in filled.items()]


def _area_lines(stats: Stats) -> list[str]:
    rows = []
    for class_id, name in enumerate(stats.classes):
        found = _quantiles(stats.area_share[stats.class_id == class_id])
        rows.append(
            [f"  {name}", *(f"{share:.3g} %" for share in found.values())] if found else [f"  {name}", "", "", ""]
        )
    return table(rows)


def _quantiles(share: NDArray[np.float64]) -> dict[str, float]:
    """Smallest, median and largest in percent; empty when there is none."""
    if not len(share):
        return {}
    values = np.quantile(share, [0, 0.5, 1]) * 100
    return dict(zip(("smallest", "median", "largest"), values.round(4).tolist(), strict=True))


def _size_hint(stats: Stats) -> list[str]:
    side = float(np.quantile(stats.relative_side, SMALL_QUANTILE)) * stats.imgsz
    enough = side >= LEAST_SIDE_PX - 0.01
    lines = [f"suggested --imgsz {stats.imgsz}: there, nine of ten defects are at least {side:.0f} px wide"]
    if not enough:
        lines.append(
            f"  that is less than the {LEAST_SIDE_PX:g} px of one grid cell: cut the images into tiles "
            "(`lineproof data size` says how) or go closer"
        )
    return lines
