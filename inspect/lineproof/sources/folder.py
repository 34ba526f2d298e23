"""The images of a folder, one part per file."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Generator
from pathlib import Path

from lineproof.core import Image
from lineproof.core.decode import read_image
from lineproof.errors import ImageError, InputError
from lineproof.sources.replay import Picture, ReplaySource
from lineproof.sources.settings import FolderSettings

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def open_folder(settings: FolderSettings) -> ReplaySource:
    """The folder as a source; raises InputError when there is nothing to replay."""
    files = list_images(settings.path)
    if settings.only is not None:
        files = _only(files, settings.path, settings.only)
    if settings.shuffle_seed is not None:
        random.Random(settings.shuffle_seed).shuffle(files)  # noqa: S311 (an order, not a secret)
    pictures = _pictures(files, part_ids(files, settings.path), loop=settings.loop)
    return ReplaySource(pictures, source_id=settings.name, view=settings.view, rate_hz=settings.rate_hz)


def list_images(folder: Path) -> list[Path]:
    """Every image below the folder in natural order (`part-2` before `part-10`); raises InputError if there is none."""
    if not folder.exists():
        raise InputError(f"{folder}: no such folder", hint="check source.path in the line file")
    if not folder.is_dir():
        raise InputError(f"{folder}: a file, not a folder of images", hint="unpack it, or use kind: video for a video")
    files = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    shown = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not shown:
        raise InputError(f"{folder}: no images in it", hint=f"{', '.join(SUFFIXES)} are replayed")
    return sorted(shown, key=lambda path: natural_key(path.relative_to(folder).as_posix()))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key that reads runs of digits as numbers."""
    return [
        (0, int(run), "") if run[0] in "0123456789" else (1, 0, run.lower())
        for run in re.findall(r"[0-9]+|[^0-9]+", name)
    ]


def part_ids(files: list[Path], folder: Path) -> list[str]:
    """The file's stem; where stems repeat, the path below the folder, with the suffix only if it must."""
    stems = [path.stem for path in files]
    paths = [path.relative_to(folder).with_suffix("").as_posix() for path in files]
    seen, seen_paths = Counter(stems), Counter(paths)
    return [
        stem if seen[stem] == 1 else path if seen_paths[path] == 1 else file.relative_to(folder).as_posix()
        for stem, path, file in zip(stems, paths, files, strict=True)
    ]


def _only(files: list[Path], folder: Path, listing: Path) -> list[Path]:
    """The files named in a listing, in its order; raises InputError for a name that is not there."""
    try:
        names = [line.strip() for line in listing.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{listing}: cannot be read ({error})", hint="check source.only in the line file") from None
    by_name = {path.relative_to(folder).as_posix(): path for path in files}
    absent = [name for name in names if name not in by_name]
    if absent or not names:
        what = f"{absent[0]} is not in {folder}" if absent else "no name in it"
        raise InputError(f"{listing}: {what}", hint="one image name a line, relative to source.path")
    return [by_name[name] for name in names]


def _pictures(files: list[Path], ids: list[str], *, loop: bool) -> Generator[Picture]:
    for lap in itertools.count(1) if loop else (1,):
        for path, part_id in zip(files, ids, strict=True):
            # A part comes once: the second lap shows other parts.
            yield Picture(part_id if lap == 1 else f"{part_id}@{lap}", str(path), _read(path))


def _read(path: Path) -> Image | ImageError:
    try:
        return read_image(path)
    except ImageError as error:
        return error
