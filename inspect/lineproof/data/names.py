"""Finding the images that people mean: `crack_12`, `crack_12.jpg`, `./images/crack_12.jpg`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from lineproof.data.formats.pictures import IMAGE_SUFFIXES
from lineproof.data.formats.wording import some
from lineproof.errors import DatasetError


class NameBook:
    """Image names of a dataset, found with or without folders and suffix."""

    def __init__(self, names: Iterable[str]) -> None:
        """Index the names below `images/`."""
        self._by_stem: dict[str, list[str]] = {}
        for name in names:
            self._by_stem.setdefault(PurePosixPath(name).stem, []).append(name)

    def find(self, spoken: str) -> str | None:
        """The one image meant, None when there is none; raises DatasetError when several fit."""
        path = PurePosixPath(spoken.strip().replace("\\", "/"))
        has_suffix = path.suffix.lower() in IMAGE_SUFFIXES
        fits = list(self._by_stem.get(path.stem if has_suffix else path.name, []))
        if has_suffix:
            fits = [name for name in fits if PurePosixPath(name).name == path.name]
        if len(fits) > 1:
            fits = _deepest(path, fits)
        if len(fits) > 1:
            raise DatasetError(f"{spoken!r} fits several images: {some(fits)}", hint="write the folder too")
        return fits[0] if fits else None


def _deepest(path: PurePosixPath, names: list[str]) -> list[str]:
    """The names that share most folders with the path, counted from the file upwards."""
    folders = [part for part in path.parts[:-1] if part != "."]
    shared = {name: _shared(folders, list(PurePosixPath(name).parts[:-1])) for name in names}
    most = max(shared.values())
    return [name for name in names if shared[name] == most]


def _shared(a: list[str], b: list[str]) -> int:
    count = 0
    for left, right in zip(reversed(a), reversed(b), strict=False):
        if left != right:
            break
        count += 1
    return count
