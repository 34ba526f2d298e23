"""Where the images of a COCO file lie, and which of their neighbours it does not list."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from lineproof.data.formats.coco_schema import CocoFile
from lineproof.data.formats.pictures import is_picture
from lineproof.data.formats.wording import count, some
from lineproof.errors import DatasetError


def locate_images(folder: Path, path: Path, document: CocoFile) -> dict[str, Path]:
    """Where each image lies: the first folder that holds them all, or the best one, then raises DatasetError with what is absent."""
    names = [image.file_name for image in document.images]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DatasetError(f"{path}: {count(len(twice), 'image')} listed twice: {some(twice)}")
    clean = {name: name.replace("\\", "/").lstrip("/").removeprefix("./") for name in names}
    best: tuple[int, dict[str, Path]] = (-1, {})
    for root in _image_roots(folder, path):
        found = {name: root / clean[name] for name in names if (root / clean[name]).is_file()}
        if len(found) > best[0]:
            best = (len(found), found)
        if len(found) == len(names):
            break
    absent = [name for name in names if name not in best[1] or ".." in Path(clean[name]).parts]
    if absent:
        raise DatasetError(
            f"{path}: {count(len(absent), 'image')} annotated but not there: {some(absent)}",
            hint="copy the images beside the JSON or into images/",
        )
    return {name: Path(os.path.normpath(place)) for name, place in best[1].items()}


def _image_roots(folder: Path, path: Path) -> list[Path]:
    """Folders that may hold the images of a file, likeliest first."""
    stem_words = [path.stem, path.stem.removeprefix("instances_")]
    near = [path.parent, path.parent / "images", folder, folder / "images"]
    named = [base / word for base in (folder, folder / "images", path.parent) for word in stem_words]
    inside = sorted(p for base in (folder, folder / "images") if base.is_dir() for p in base.iterdir() if p.is_dir())
    return list(dict.fromkeys(root for root in (*near, *named, *inside) if root.is_dir()))


def unlisted_images(listed: set[Path]) -> list[Path]:
    """Images in the same folders that are not listed."""
    folders = sorted({path.parent for path in listed})
    return [path for place in folders for path in sorted(place.iterdir()) if is_picture(path) and path not in listed]
