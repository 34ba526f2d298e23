"""Which images are kept, and how: whole on the disk before any row names them."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import cv2
import numpy as np

from lineproof import atomic
from lineproof.core import Decision, Image, Inspection
from lineproof.errors import RecordError
from lineproof.records.settings import ImageSettings

IMAGES = "images"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
# Only what this module named itself is ever swept; a file that somebody put here stays.
_OURS = re.compile(r"^\d{6}\.\d{3}_(PASS|FAIL|REVIEW|FAULT)_.+\.(png|jpg)$")
_TEMPORARY = re.compile(r"^\.\d{6}\.\d{3}_.+\.part$")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image that is whole on the disk."""

    path: str  # below the records folder, with forward slashes
    sha256: str  # of the file, hex
    size_bytes: int


class ImagePolicy:
    """Every FAIL, REVIEW and FAULT; of PASS the first and then one in N."""

    def __init__(self, settings: ImageSettings) -> None:
        self._every = settings.pass_every
        self._passes = itertools.count()

    def wants(self, decision: Decision) -> bool:
        """Shall the image of this decision be kept? Counts the PASS it is asked about."""
        if decision is not Decision.PASS:
            return True
        return self._every > 0 and next(self._passes) % self._every == 0


def image_path(inspection: Inspection, suffix: str) -> str:
    """`images/2026-11-23/055444.123_FAIL_part_id.png`: a folder a day, in the order of the grabs."""
    moment = inspection.grabbed_at.astimezone(UTC)
    time = f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}"
    part = _UNSAFE.sub("-", inspection.part_id)[:40]
    unique = unique_end(inspection.inspection_id)
    return f"{IMAGES}/{moment:%Y-%m-%d}/{time}_{inspection.decision}_{part}_{unique}{suffix}"


def unique_end(inspection_id: str) -> str:
    """What the name of an inspection's image ends with, before its suffix."""
    return _UNSAFE.sub("-", inspection_id)[:64]


def encode(image: Image, settings: ImageSettings) -> bytes:
    """The file's bytes, of one channel where the camera is a mono one; raises RecordError for what it cannot hold."""
    png = settings.format == "png"
    # On magnetic tiles level 1 takes twice the time of OpenCV's default and half its bytes; level 6 five times the
    # time of level 1 for a tenth less.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if png else [cv2.IMWRITE_JPEG_QUALITY, settings.jpeg_quality]
    try:
        done, data = cv2.imencode(suffix_of(settings), _one_channel(image), options)
    except cv2.error as error:
        raise RecordError(f"image {image.shape} cannot be written as {settings.format}: {error.err}") from None
    if not done:
        raise RecordError(f"image {image.shape} cannot be written as {settings.format}")
    return data.tobytes()


def _one_channel(image: Image) -> Image:
    """Three equal channels carry nothing that one does not: decoding expands them again."""
    blue = image[..., 0]
    mono = np.array_equal(blue, image[..., 1]) and np.array_equal(blue, image[..., 2])
    return np.ascontiguousarray(blue) if mono else image


def suffix_of(settings: ImageSettings) -> str:
    """File suffix of the format."""
    return ".png" if settings.format == "png" else ".jpg"


def write_image(folder: Path, path: str, data: bytes) -> StoredImage:
    """Write whole or not at all; raises OSError."""
    target = folder / path
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True)
        atomic.sync_folder(target.parent.parent)  # a new day's folder survives a power cut as well
    atomic.write_bytes(target, data)
    return StoredImage(path, hashlib.sha256(data).hexdigest(), len(data))


def remove_image(folder: Path, path: str) -> None:
    """Remove a file, and its day's folder with the last one; raises OSError."""
    target = folder / path
    target.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the system refuses while there is something in it
        target.parent.rmdir()


def days(folder: Path) -> list[Path]:
    """The day folders, newest first."""
    root = folder / IMAGES
    return sorted((day for day in root.iterdir() if day.is_dir()), reverse=True) if root.is_dir() else []


def own_images(day: Path) -> Iterator[Path]:
    """Images that were written by a journal."""
    return (path for path in day.iterdir() if _OURS.match(path.name))


def temporary_files(day: Path) -> Iterator[Path]:
    """What a killed writer leaves: never named by a row."""
    return (path for path in day.iterdir() if _TEMPORARY.match(path.name))
