"""`data.yaml` of a YOLO dataset: class names and where the splits are. Its `download:` is never looked at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lineproof.data.formats.pictures import is_picture, list_pictures
from lineproof.data.formats.wording import count, some
from lineproof.data.formats.yolo_label import read_text
from lineproof.errors import DatasetError
from lineproof.yaml_file import read_yaml

_SPLIT_KEYS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True, slots=True)
class YoloYaml:
    """Names by class number, and the images of each split."""

    path: Path
    names: dict[int, str]
    images: tuple[tuple[Path, str], ...]  # (image, split) in the order of the splits


def find_data_yaml(folder: Path) -> Path | None:
    """The YAML file that names classes; raises DatasetError when there are several."""
    candidates = [path for path in sorted(folder.glob("*.y*ml")) if path.suffix in (".yaml", ".yml")]
    found = [path for path in candidates if _has_names(path)]
    if len(found) > 1:
        preferred = [path for path in found if path.stem in ("data", "dataset")]
        if len(preferred) != 1:
            raise DatasetError(
                f"{folder}: several files name classes: {some(path.name for path in found)}",
                hint="leave one of them in the folder",
            )
        return preferred[0]
    return found[0] if found else None


def read_data_yaml(path: Path) -> YoloYaml:
    """Read names and splits; raises DatasetError naming the file and the key."""
    data = read_yaml(path)
    if "kpt_shape" in data:
        raise DatasetError(f"{path}: kpt_shape: key points are not understood, only boxes and polygons")
    names = _names(path, data)
    base = _base(path, data)
    images: list[tuple[Path, str]] = []
    for key, value in data.items():
        split = _SPLIT_KEYS.get(key)
        if split and value:
            images.extend(
                (image, split) for entry in _entries(path, key, value) for image in _images(path, base, key, entry)
            )
    if not images:
        raise DatasetError(
            f"{path}: no images behind train, val or test", hint="check `path:` and the folders it names"
        )
    return YoloYaml(path, names, _without_repeats(images))


def _has_names(path: Path) -> bool:
    """A cheap look: the full reading comes later, with its errors."""
    text = path.read_bytes()[:1_000_000]
    return b"names:" in text and any(f"{key}:".encode() in text for key in ("train", "val", "nc", "path"))


def _names(path: Path, data: dict[str, object]) -> dict[int, str]:
    """`names` as a list, or as `number: name` with any gaps."""
    given = data.get("names")
    if isinstance(given, list):
        pairs = list(enumerate(given))
        told = data.get("nc")
        if isinstance(told, int) and told != len(given):
            raise DatasetError(f"{path}: nc: {told}, but names has {len(given)}", hint="one of them is wrong")
    elif isinstance(given, dict):
        if not all(str(key).isdecimal() for key in given):
            raise DatasetError(f"{path}: names: expected `number: name` lines or a list")
        pairs = sorted((int(str(key)), value) for key, value in given.items())
    else:
        raise DatasetError(f"{path}: names: expected a list or `number: name` lines")
    for number, value in pairs:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
            raise DatasetError(f"{path}: names, class {number}: {value!r} is no name", hint="put it in quotes")
    names = {number: str(value).strip() for number, value in pairs}
    if not names:
        raise DatasetError(f"{path}: names: empty")
    twice = [name for name in names.values() if list(names.values()).count(name) > 1]
    if twice:
        raise DatasetError(f"{path}: names: {twice[0]!r} is there twice")
    return names


def _base(path: Path, data: dict[str, object]) -> Path:
    """The folder the splits are relative to; a `path:` of another machine falls back to the folder of the file."""
    told = data.get("path")
    if not told:
        return path.parent
    base = _plain(path.parent / str(told))
    return base if base.is_dir() else path.parent


def _entries(path: Path, key: str, value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return value
    raise DatasetError(f"{path}: {key}: expected a folder, a .txt file, or a list of them")


def _images(path: Path, base: Path, key: str, entry: str) -> list[Path]:
    """The images of one entry: a folder, a list of paths in a .txt file, or a single image."""
    place = _find(base, path.parent, entry)
    if place is None:
        raise DatasetError(f"{path}: {key}: {entry}: no such folder or file", hint=f"looked below {base}")
    if place.is_dir():
        return list_pictures(place)
    if place.suffix.lower() == ".txt":
        return _listed(place, base)
    return [place]


def _find(base: Path, beside: Path, entry: str) -> Path | None:
    """Relative to `path:`, to the file, and without the leading `../` that some exports put too much."""
    trimmed = entry
    while trimmed.startswith("../"):
        trimmed = trimmed[3:]
    for candidate in (base / entry, beside / entry, base / trimmed, beside / trimmed):
        if candidate.exists():
            return _plain(candidate)
    return None


def _plain(path: Path) -> Path:
    """Without `..`, links left as they are."""
    return Path(os.path.normpath(path))


def _listed(listing: Path, base: Path) -> list[Path]:
    """Paths of a .txt file, relative to it or to the dataset; raises DatasetError for images that are not there."""
    images, absent = [], []
    for line in read_text(listing).splitlines():
        if not line.strip():
            continue
        found = _find(listing.parent, base, line.strip().replace("\\", "/"))
        if found is not None and is_picture(found):
            images.append(found)
        else:
            absent.append(line.strip())
    if absent:
        raise DatasetError(f"{listing}: {count(len(absent), 'image')} listed but not there: {some(absent)}")
    return images


def _without_repeats(images: list[tuple[Path, str]]) -> tuple[tuple[Path, str], ...]:
    """Each image once; raises DatasetError when it is in two splits."""
    split_of: dict[Path, str] = {}
    for image, split in images:
        if split_of.setdefault(image, split) != split:
            raise DatasetError(f"{image}: is in {split_of[image]} and in {split}", hint="an image belongs to one split")
    return tuple(split_of.items())
