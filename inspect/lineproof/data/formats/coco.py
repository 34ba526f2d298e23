"""COCO datasets: one or more JSON files with their images beside, above, or in folders of the split's name."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lineproof.data.formats.coco_images import locate_images, unlisted_images
from lineproof.data.formats.coco_schema import (
    CocoAnnotation,
    CocoFile,
    CocoImage,
    read_coco,
    record_polygons,
    segment_mask,
)
from lineproof.data.formats.polygons import polygon_box
from lineproof.data.formats.source import Instance, Item, Label, Labelled, NoLabel, ReadOptions, Source, Unlabelled
from lineproof.data.formats.split_words import split_in_name, split_of
from lineproof.data.formats.walk import files_below
from lineproof.data.formats.wording import count, some
from lineproof.errors import DatasetError


def find_coco(folder: Path) -> list[Path]:
    """JSON files that look like COCO with instances, by their keys."""
    return sorted(p for p in files_below(folder) if p.suffix.lower() == ".json" and _looks_like_coco(p))


def read_coco_folder(folder: Path, options: ReadOptions) -> Source:
    """Read every COCO file of a folder; raises DatasetError naming file and record."""
    del options
    paths = find_coco(folder)
    if not paths:
        raise DatasetError(f"{folder}: no COCO file (JSON with images, annotations and categories) in it")
    files = [(path, read_coco(path)) for path in paths]
    classes, notes = _classes(files)
    items: dict[Path, tuple[Item, Path]] = {}
    for path, document in files:
        for item in _items(folder, path, document, classes):
            other = items.setdefault(item.image, (item, path))
            if other[0] is not item:
                raise DatasetError(
                    f"{item.image.name}: is in {other[1].name} and in {path.name}",
                    hint="move one of the files elsewhere",
                )
    unlisted = [
        Item(path, NoLabel("not in the JSON"), split_of(path.relative_to(folder).parts[:-1]))
        for path in unlisted_images(set(items))
    ]
    reason = f"{some(path.relative_to(folder).as_posix() for path in paths)} with images, annotations and categories"
    crowds = sum(record.iscrowd != 0 for _, document in files for record in document.annotations)
    if crowds:
        notes.append(f"{count(crowds, 'crowd region')} (iscrowd) kept as ordinary defects")
    return Source("coco", reason, classes, (*(item for item, _ in items.values()), *unlisted), tuple(notes))


@dataclass(frozen=True, slots=True, eq=False)
class CocoLabel:
    """The annotations of one image of a file."""

    where: str  # file and image, for errors
    image: CocoImage
    records: tuple[CocoAnnotation, ...]
    class_of: dict[int | str, int]

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """The truth in pixels; raises DatasetError when the file is about an image of another size."""
        told_wh = (self.image.width or image_wh[0], self.image.height or image_wh[1])
        if told_wh != image_wh:
            raise DatasetError(
                f"{self.where}: the file says {told_wh[0]}×{told_wh[1]}, the image is {image_wh[0]}×{image_wh[1]}",
                hint="annotations and image do not belong together, or EXIF rotates the image",
            )
        return Labelled.of([self._instance(record, image_wh) for record in self.records])

    def _instance(self, record: CocoAnnotation, image_wh: tuple[int, int]) -> Instance:
        try:
            mask = segment_mask(record, image_wh)
            if record.bbox is not None:
                x, y, width, height = record.bbox
                box = (x, y, x + width, y + height)
            elif isinstance(record.segmentation, list) and record.segmentation:
                box = polygon_box(record_polygons(record.segmentation))
            elif mask is not None:
                left, top, right, bottom = mask.xyxy
                box = (float(left), float(top), float(right), float(bottom))
            else:
                raise ValueError("neither bbox nor segmentation")
        except ValueError as error:
            raise DatasetError(f"{self.where}, annotation {record.id}: {error}") from None
        return Instance(self.class_of[record.category_id], box, mask)


def _looks_like_coco(path: Path) -> bool:
    """By its keys; files with captions, or with images only, hold no defects and would make every image a good part."""
    data = path.read_bytes()
    has_instances = all(key in data for key in (b'"images"', b'"annotations"', b'"category_id"'))
    return has_instances or _is_all_good(data)


def _is_all_good(data: bytes) -> bool:
    """A file of good parts only: the keys are there, the list of annotations is empty."""
    return b'"images"' in data and re.search(rb'"annotations"\s*:\s*\[\s*\]', data) is not None


def _classes(files: list[tuple[Path, CocoFile]]) -> tuple[tuple[str, ...], list[str]]:
    """Names over all files in order of their ids; leaves out the head entry some exports add above the real classes."""
    names: dict[str, None] = {}
    heads: set[str | None] = set()
    used: set[str] = set()
    for path, document in files:
        ids = [category.id for category in document.categories]
        if len(set(ids)) != len(ids):
            raise DatasetError(f"{path}: categories: an id is there twice ({some(ids)})")
        annotated = {record.category_id for record in document.annotations}
        for category in sorted(document.categories, key=lambda c: (isinstance(c.id, str), c.id)):
            names.setdefault(category.name)
            if category.supercategory != category.name:
                heads.add(category.supercategory)
            if category.id in annotated:
                used.add(category.name)
    dropped = [name for name in names if name in heads and name not in used]
    classes = tuple(name for name in names if name not in dropped)
    if not classes:
        raise DatasetError(f"{files[0][0]}: categories: the file names no class")
    return classes, [f"category {name!r} left out: a heading without annotations" for name in dropped]


def _items(folder: Path, path: Path, document: CocoFile, classes: tuple[str, ...]) -> list[Item]:
    """The images of one file with their labels; raises DatasetError for absent images and dangling ids."""
    class_of = {c.id: classes.index(c.name) for c in document.categories if c.name in classes}
    records = _records(path, document, class_of)
    split = split_in_name(path.stem) or split_of(path.relative_to(folder).parts[:-1])
    images = locate_images(folder, path, document)
    items = []
    for image in document.images:
        where = images[image.file_name]
        label: Label = CocoLabel(f"{path}, image {image.file_name}", image, tuple(records[image.id]), class_of)
        own_split = split or split_of(where.relative_to(folder).parts[:-1])
        items.append(Item(where, label, own_split))
    return items


def _records(
    path: Path, document: CocoFile, class_of: dict[int | str, int]
) -> defaultdict[int | str, list[CocoAnnotation]]:
    ids = {image.id for image in document.images}
    if len(ids) != len(document.images):
        raise DatasetError(f"{path}: an image id is there twice")
    records: defaultdict[int | str, list[CocoAnnotation]] = defaultdict(list)
    for row, record in enumerate(document.annotations):
        if record.image_id not in ids:
            raise DatasetError(f"{path}, annotations[{row}]: image_id {record.image_id} is no image of the file")
        if record.category_id not in class_of:
            raise DatasetError(f"{path}, annotations[{row}]: category_id {record.category_id} is no class of the file")
        records[record.image_id].append(record)
    return records
