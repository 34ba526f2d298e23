"""YOLO datasets: `data.yaml`, or plain `images/` + `labels/` + `classes.txt`; boxes and polygons, also mixed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lineproof.data.formats.pictures import list_pictures
from lineproof.data.formats.source import Item, Label, NoLabel, ReadOptions, Source
from lineproof.data.formats.split_words import split_of
from lineproof.data.formats.walk import files_below
from lineproof.data.formats.wording import count, some
from lineproof.data.formats.yolo_label import YoloLabel, read_text
from lineproof.data.formats.yolo_yaml import find_data_yaml, read_data_yaml
from lineproof.errors import DatasetError

# Text files that lie among labels without being one.
_NO_LABELS = frozenset({"classes", "obj", "predefined_classes", "train", "val", "valid", "test", "readme", "notes"})
_CLASS_LISTS = ("classes.txt", "labels/classes.txt", "obj.names", "predefined_classes.txt")


def read_yolo(folder: Path, options: ReadOptions) -> Source:
    """Read a YOLO folder; raises DatasetError naming the file that cannot be used."""
    settings = find_data_yaml(folder)
    if settings is not None:
        found = read_data_yaml(settings)
        return _source(folder, f"{settings.name} with names", found.names, found.images)
    names, reason = _plain_names(folder, options)
    pictures = [(path, split_of(path.relative_to(folder).parts[:-1])) for path in list_pictures(folder)]
    if not pictures:
        raise DatasetError(f"{folder}: no image in it")
    return _source(folder, reason, names, pictures)


def class_list(folder: Path) -> Path | None:
    """The text file with a class name per line, where a labelling tool leaves it."""
    return next((folder / name for name in _CLASS_LISTS if (folder / name).is_file()), None)


def label_places(image: Path) -> list[Path]:
    """Where the label of an image may lie: the last folder `images` on its path turned into `labels`, or beside it."""
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    folders = [i for i, part in enumerate(parts[:-1]) if part == "images"]
    if not folders:
        return [beside]
    parts[folders[-1]] = "labels"
    return [Path(*parts), beside]


def find_label(image: Path) -> Path | None:
    """The label file of an image, None where there is none."""
    return next((path for path in label_places(image) if path.is_file()), None)


def _source(folder: Path, reason: str, names: dict[int, str], pictures: Iterable[tuple[Path, str]]) -> Source:
    pictures = list(pictures)
    _refuse_orphans(folder, [path for path, _ in pictures])
    numbers = sorted(names)
    class_of = {number: class_id for class_id, number in enumerate(numbers)}
    items = tuple(Item(path, _label(path, class_of), split) for path, split in pictures)
    if all(isinstance(item.label, NoLabel) for item in items):
        raise DatasetError(
            f"{folder}: none of {count(len(items), 'image')} has a label file",
            hint=f"for {items[0].image.name} it would be {label_places(items[0].image)[0]}",
        )
    gaps = numbers != list(range(len(numbers)))
    notes = (
        (f"class numbers {', '.join(map(str, numbers))} have gaps and became 0..{len(numbers) - 1}",) if gaps else ()
    )
    return Source("yolo", reason, tuple(names[number] for number in numbers), items, notes)


def _label(image: Path, class_of: dict[int, int]) -> Label:
    path = find_label(image)
    return NoLabel("no label file") if path is None else YoloLabel(path, class_of)


def _refuse_orphans(folder: Path, pictures: list[Path]) -> None:
    """Labels of images that are not there: the sign of a wrong folder or an incomplete copy."""
    known = {place for image in (*pictures, *list_pictures(folder)) for place in label_places(image)}
    places = {path.parent for path in known}
    orphans = sorted(
        path
        for path in files_below(folder)
        if path.suffix == ".txt"
        and (path.parent in places or "labels" in path.relative_to(folder).parts[:-1])
        and path not in known
        and path.stem.lower() not in _NO_LABELS
    )
    if orphans:
        raise DatasetError(
            f"{orphans[0].parent}: {count(len(orphans), 'label file')} of absent images: {some(p.name for p in orphans)}",
            hint="copy the images too, or remove the labels",
        )


def _plain_names(folder: Path, options: ReadOptions) -> tuple[dict[int, str], str]:
    """Class names of a folder without data.yaml, and by what it was recognised."""
    listing = class_list(folder)
    if listing is not None:
        names = [line.strip() for line in read_text(listing).splitlines() if line.strip()]
        if len(set(names)) != len(names) or not names:
            raise DatasetError(f"{listing}: expected one class name a line, each once")
        return dict(enumerate(names)), f"images with label files and {listing.name}"
    if options.classes:
        return dict(enumerate(options.classes)), "images with label files, names from --classes"
    raise DatasetError(
        f"{folder}: YOLO labels, but no class names",
        hint="add a classes.txt, or give --classes in the order of the numbers",
    )
