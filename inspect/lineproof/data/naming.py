"""The names that images get in a dataset: their path below the source, without folders that are only called images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img", "jpegimages"})


def image_names(src: Path, images: Sequence[Path]) -> dict[Path, str]:
    """A unique name for every image; where the short ones collide, all keep their whole path."""
    base = src if all(image.is_relative_to(src) for image in images) else _common_folder(images)
    whole = {image: image.relative_to(base) for image in images}
    short = {image: _without_image_folders(path) for image, path in whole.items()}
    if len(set(short.values())) == len(short):
        return short
    return {image: path.as_posix() for image, path in whole.items()}


def _without_image_folders(path: Path) -> str:
    folders = [part for part in path.parts[:-1] if part.lower() not in _IMAGE_FOLDERS]
    return "/".join([*folders, path.name])


def _common_folder(images: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([image.parent for image in images]))
