"""Do the files of a dataset agree with each other and with the disk; if not, which file and which record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lineproof.data.formats.coco_schema import CocoFile
from lineproof.data.layout import ANNOTATIONS, IMAGES, SETTINGS, DatasetFile
from lineproof.errors import DatasetError


def require_dataset_file(root: Path) -> None:
    """Raise DatasetError unless `dataset.yaml` is there; says what the folder looks like instead."""
    if (root / SETTINGS).is_file():
        return
    from lineproof.data.formats.recognise import recognise

    found = recognise(root)
    looks = f"; it looks like {' or '.join(str(item) for item in found)}" if found else ""
    raise DatasetError(
        f"{root}: no {SETTINGS} in it{looks}", hint=f"run `lineproof data import {root} --out DATASET` first"
    )


def check_classes(root: Path, settings: DatasetFile, document: CocoFile) -> None:
    """Raise DatasetError unless both files list the same classes in the same order."""
    names = [category.name for category in document.categories]
    if names == settings.classes:
        return
    order = " in another order" if sorted(names) == sorted(settings.classes) else ""
    raise DatasetError(
        f"{root / SETTINGS}: classes {', '.join(settings.classes)}, but {ANNOTATIONS} has them{order}: {', '.join(names)}",
        hint="the position is the class id: make both lists equal, or import again",
    )


def check_images(root: Path, settings: DatasetFile, document: CocoFile) -> None:
    """Images on disk, in `dataset.yaml` and in the annotations must be the same; raises DatasetError for the first that is not."""
    names = [image.file_name for image in document.images]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DatasetError(f"{root / ANNOTATIONS}, image {twice[0]}: listed twice")
    annotated, listed = set(names), set(settings.images)
    folder = root / IMAGES
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    _refuse(annotated - present, f"{root / ANNOTATIONS}", "annotated, but there is no such file in images/")
    _refuse(present - annotated, f"{folder}", f"no entry in {ANNOTATIONS}; an image without a defect needs one too")
    _refuse(annotated - listed, f"{root / SETTINGS}", f"no entry under images, but {ANNOTATIONS} has it")
    _refuse(listed - annotated, f"{root / SETTINGS}", f"listed under images, but {ANNOTATIONS} has no such image")


def _refuse(names: set[str], where: str, what: str) -> None:
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise DatasetError(f"{where}, image {min(names)}{more}: {what}")
