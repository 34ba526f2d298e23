"""What a preset does, in one picture: rows are training images, columns its transforms alone, then all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import cv2
import numpy as np

from lineproof.adapt.augment import Augmentation
from lineproof.adapt.donors import Donors, defects_on, label_of
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.visibility import View, compare, view_of
from lineproof.core import Image, Sample
from lineproof.core.decode import read_image
from lineproof.data.dataset import Dataset
from lineproof.data.loading import Progress, silent
from lineproof.data.palette import class_colour
from lineproof.data.sheet import SMALLEST_PX

CELL_PX, CAPTION_PX, GAP_PX, HEAD_PX = 200, 20, 8, 66
_PAPER, _CARD, _INK, _FAINT, _LOW = (38, 34, 32), (52, 47, 44), (235, 235, 235), (165, 160, 155), (60, 80, 250)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LOW_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Cell:
    picture: Image
    caption: str
    low: bool = False


def draw_augmentation(
    dataset: Dataset,
    samples: Sequence[Sample],
    augmentation: Augmentation,
    recipe: Recipe,
    *,
    paste: bool,
    seed: int = 0,
    progress: Progress = silent,
) -> Image:
    """A grid `(H, W, 3)`; each transform is applied for certain, all together as often as the preset says.

    Captions give the lowest share of visibility that a defect of the image keeps.

    Raises:
        ImageError: an image cannot be read.
    """
    alone = [A.Compose([step.model_copy(update={"p": 1.0}).build()], seed=seed) for step in augmentation.transforms]
    together = A.Compose(augmentation.build(), seed=seed)
    donors = _donors(dataset, recipe) if paste else None
    rng = np.random.default_rng(seed)
    rows = []
    for sample in progress(samples, "drawing"):
        view = view_of(sample, recipe.imgsz)
        cells = [_Cell(_pictured(view.image, sample), _contrasts(view))]
        for step, transform in zip(augmentation.transforms, alone, strict=True):
            cells.append(_seen(transform(image=view.image)["image"], view, sample, blurred=step.blurs))
        blurred = any(step.blurs for step in augmentation.transforms)
        cells.append(_seen(together(image=view.image)["image"], view, sample, blurred=blurred))
        if donors is not None:
            cells.append(_pasted(donors, view, sample, dataset, rng))
        rows.append(cells)
    titles = [("original", "")]
    titles += [(step.name, f"alone (p {step.p:g})") for step in augmentation.transforms]
    titles += [("all", "as in training")] + ([("paste", f"p {recipe.paste:g}")] if paste else [])
    return _grid(
        titles,
        rows,
        f"{dataset.root.name}, {recipe.imgsz} px: each transform alone on training images, then all of the preset",
    )


def _donors(dataset: Dataset, recipe: Recipe) -> Donors:
    """The train split as the trainer would take it for donors."""
    train = [sample for sample in dataset.samples if sample.split == "train"]
    labels = [label_of(sample, with_masks=dataset.has_masks) for sample in train]
    return Donors.among(
        labels, lambda index: (_read(train[index], recipe.imgsz),), recipe.geometry.orientation, recipe.imgsz
    )


def _read(sample: Sample, imgsz: int) -> Image:
    image = read_image(sample.image)
    scale = imgsz / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _contrasts(view: View) -> str:
    ratios = [abs(defect.before.cnr) for defect in view.defects]
    return f"CNR {min(ratios):.1f}" + (f" to {max(ratios):.1f}" if len(ratios) > 1 else "") if ratios else "OK"


def _seen(image: Image, view: View, sample: Sample, *, blurred: bool) -> _Cell:
    """A transformed image with what is left of its faintest defect."""
    found = [compare(image, defect, blurred=blurred) for defect in view.defects]
    kept = min((one for one in found if one is not None), key=lambda one: one.share, default=None)
    picture = _pictured(image, sample)
    if kept is None:
        return _Cell(picture, "not measurable")
    return _Cell(picture, f"keeps {kept.share:.0%}, CNR {kept.cnr:.1f}", low=kept.share < _LOW_SHARE)


def _pasted(donors: Donors, view: View, sample: Sample, dataset: Dataset, rng: np.random.Generator) -> _Cell:
    label = {**label_of(sample, with_masks=dataset.has_masks), "img": view.image}
    after = donors.paste_onto(label, rng)
    picture = _pictured(after["img"], sample)
    if len(after["cls"]) == len(label["cls"]):
        return _Cell(picture, "no room")
    class_id = int(after["cls"][-1, 0])
    boxes, _ = defects_on({"bboxes": after["bboxes"][-1:], "segments": []}, picture.shape[1], picture.shape[0])
    x0, y0, x1, y1 = (round(float(v)) for v in boxes[0])
    cv2.rectangle(picture, (x0 - 2, y0 - 2), (x1 + 1, y1 + 1), class_colour(class_id), 2, cv2.LINE_AA)
    return _Cell(picture, f"one more {dataset.classes[class_id]}")


def _pictured(image: Image, sample: Sample) -> Image:
    """The image at the size of a cell, with its truth."""
    scale = CELL_PX / max(image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return _outlined(small, sample, CELL_PX / max(sample.image_wh))


def _outlined(picture: Image, sample: Sample, scale: float) -> Image:
    """Outlines only, and a ring where an outline would hide what it is about: nothing may cover the defect."""
    drawn = picture.copy()
    for row, class_id in enumerate(sample.truth.class_id.tolist()):
        colour = class_colour(class_id)
        x0, y0, x1, y1 = (round(float(v) * scale) for v in sample.truth.xyxy[row])
        if max(x1 - x0, y1 - y0) < SMALLEST_PX:
            cv2.circle(drawn, ((x0 + x1) // 2, (y0 + y1) // 2), SMALLEST_PX, colour, 1, cv2.LINE_AA)
        elif sample.truth.masks is not None:
            lines = [np.round(points * scale).astype(np.int32) for points in sample.truth.masks[row].polygons()]
            cv2.polylines(drawn, lines, isClosed=True, color=colour, thickness=1, lineType=cv2.LINE_AA)
        else:
            cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, 1, cv2.LINE_AA)
    return drawn


def _grid(titles: Sequence[tuple[str, str]], rows: Sequence[Sequence[_Cell]], title: str) -> Image:
    heights = [max(cell.picture.shape[0] for cell in row) for row in rows]
    width = GAP_PX + len(titles) * (CELL_PX + GAP_PX)
    height = HEAD_PX + sum(heights) + len(rows) * (CAPTION_PX + GAP_PX) + GAP_PX
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    _write(sheet, title, (GAP_PX + 2, 20), _INK, 0.5)
    for column, (name, note) in enumerate(titles):
        x = GAP_PX + column * (CELL_PX + GAP_PX) + 2
        _write(sheet, name, (x, 43), _INK, 0.42)
        _write(sheet, note, (x, 58), _FAINT, 0.36)
    y = HEAD_PX
    for row, high in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            x = GAP_PX + column * (CELL_PX + GAP_PX)
            sheet[y : y + high + CAPTION_PX, x : x + CELL_PX] = _CARD
            sheet[y : y + cell.picture.shape[0], x : x + cell.picture.shape[1]] = cell.picture
            _write(sheet, cell.caption, (x + 4, y + high + 14), _LOW if cell.low else _INK, 0.4)
        y += high + CAPTION_PX + GAP_PX
    return sheet


def _write(image: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int], scale: float) -> None:
    plain = text.encode("ascii", "replace").decode()  # OpenCV's fonts know nothing else in every release
    cv2.putText(image, plain[:34] if scale < 0.5 else plain, at, _FONT, scale, colour, 1, cv2.LINE_AA)
