"""Images to look at as one set: a dataset, one split of it, or a plain folder of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lineproof.core import Image
from lineproof.core.decode import decode_image
from lineproof.data.dataset import open_dataset
from lineproof.data.duplicates import DuplicateFinder
from lineproof.data.folder import require_folder
from lineproof.data.formats.pictures import list_pictures, picture_wh
from lineproof.data.layout import SETTINGS
from lineproof.data.loading import Progress, silent
from lineproof.data.subset import samples_of
from lineproof.data.union import Union
from lineproof.errors import DatasetError, ImageError, InputError


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Paths and groups, one of each for every image; `unreadable` were left out."""

    name: str
    root: Path
    paths: tuple[Path, ...]
    groups: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of images."""
        return len(self.paths)

    def title(self, row: int) -> str:
        """The path of an image below the set's folder."""
        return self.paths[row].relative_to(self.root).as_posix()


def open_image_set(folder: Path, split: str = "all") -> ImageSet:
    """The images of a dataset's split (`all`: every one), or of a folder of pictures, which has no splits.

    Raises:
        DatasetError: no such folder or split, or no image in it.
        InputError: a split of a folder that is no dataset.
    """
    folder = require_folder(folder).resolve()
    if (folder / SETTINGS).is_file():
        samples = samples_of(open_dataset(folder), split)
        name = folder.name if split == "all" else f"{folder.name} {split}"
        return ImageSet(name, folder, tuple(s.image for s in samples), tuple(s.group for s in samples))
    if split != "all":
        raise InputError(f"{folder}: no dataset, so it has no split {split!r}", hint="leave the split out")
    paths = tuple(list_pictures(folder))
    if not paths:
        raise DatasetError(f"{folder}: no images in it", hint="check the path")
    return ImageSet(folder.name, folder, paths, tuple(str(path) for path in paths))


def thinned(images: ImageSet, most: int, seed: int = 0) -> ImageSet:
    """At most so many images, whole groups drawn by chance until the next one would be too many."""
    if len(images) <= most:
        return images
    names = sorted(set(images.groups))
    sizes = Counter(images.groups)
    chosen: set[str] = set()
    left = most
    for row in np.random.default_rng(seed).permutation(len(names)):
        if sizes[names[row]] <= left:
            chosen.add(names[row])
            left -= sizes[names[row]]
    rows = [row for row, group in enumerate(images.groups) if group in chosen]
    return _take(images, rows)


def readable(
    images: ImageSet, progress: Progress = silent, *, look: Callable[[Image], object] = lambda _: None
) -> ImageSet:
    """The set without images that cannot be decoded, each of them noted with its reason; `look` is shown the others."""
    kept, notes = [], []
    for row, path in enumerate(progress(images.paths, "reading")):
        try:
            look(decode_image(path.read_bytes(), str(path)))
            kept.append(row)
        except OSError as error:
            notes.append(f"{path}: cannot be read ({error.strerror})")
        except ImageError as error:
            notes.append(error.message)
    return replace(_take(images, kept), unreadable=(*images.unreadable, *notes))


def join_twins(sets: Sequence[ImageSet], progress: Progress = silent, *, twins: bool = True) -> list[list[str]]:
    """The group of every image of every set, groups joined where images show the same place, across the sets as well.

    Without `twins` only identical images are joined. Expects readable images.
    """
    paths = [path for images in sets for path in images.paths]
    # The same name in two sets is not the same part, unless both are of one folder.
    given = [f"{images.root}\0{group}" for images in sets for group in images.groups]
    names = [str(row) for row in range(len(paths))]
    finder = DuplicateFinder(names, [picture_wh(path) for path in paths], twins=twins)
    for row, path in enumerate(progress(paths, "comparing")):
        data = path.read_bytes()
        finder.add(row, data, decode_image(data, str(path)))
    union: Union[str] = Union([*given, *names])
    for name, group in zip(names, given, strict=True):
        union.join(name, group)
    for cluster in finder.result(progress).clusters:
        for name in cluster[1:]:
            union.join(cluster[0], name)
    group_of = {thing: members[0] for members in union.sets() for thing in members}
    joined = iter([group_of[name] for name in names])
    return [[next(joined) for _ in images.paths] for images in sets]


def _take(images: ImageSet, rows: Sequence[int]) -> ImageSet:
    return replace(
        images, paths=tuple(images.paths[row] for row in rows), groups=tuple(images.groups[row] for row in rows)
    )
