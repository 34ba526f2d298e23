"""Images that show the same thing: byte for byte, pixel for pixel, the same frame saved again, or the same place."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from lineproof.core import Image
from lineproof.core.decode import decode_image
from lineproof.data.dataset import Dataset
from lineproof.data.loading import Progress, silent
from lineproof.data.twins import Twin, TwinFinder
from lineproof.data.union import Union
from lineproof.errors import DatasetError, ImageError

# More images than this in one cluster, in number and in share of all, are not shots of one part but one scene that every
# part shows (the same print, the same fixture). Largest clusters of real twins: magnetic tile 15 of 692 (2 %),
# NEU-DET 54 of 1800 (3 %).
SCENE_IMAGES, SCENE_SHARE = 40, 0.25


class Kind(StrEnum):
    """How two images are the same."""

    FILE = "identical file"
    PIXELS = "identical pixels"
    FRAME = "same frame"  # saved again: other quality, size, exposure, mirrored or turned
    PLACE = "same place"  # another shot of the same place of the same part, or an overlapping crop


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that show the same thing."""

    a: str
    b: str
    kind: Kind
    turn: str = ""  # what was done to `a`; empty when nothing
    overlap: float = 1.0  # share of the smaller image that both show
    likeness: float = 1.0

    def __str__(self) -> str:
        """The relation in words, without the names."""
        if self.kind in (Kind.FILE, Kind.PIXELS):
            return str(self.kind)
        words = [str(self.kind)] + ([self.turn] if self.turn else [])
        if self.overlap < 0.95:
            words.append(f"{self.overlap:.0%} of it")
        return ", ".join(words)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """What was found among `names`."""

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]
    clusters: tuple[tuple[str, ...], ...]  # two or more images each, largest first
    scenes: tuple[tuple[str, ...], ...] = ()  # look alike because every part does; only copies were looked for inside

    def groups(self) -> dict[str, str]:
        """The first name of its cluster for every image; its own where it has no duplicate."""
        groups = {name: name for name in self.names}
        return groups | {name: cluster[0] for cluster in self.clusters for name in cluster}


class DuplicateFinder:
    """Takes in images one by one, then tells which belong together."""

    def __init__(self, names: Sequence[str], sizes_wh: Sequence[tuple[int, int]], *, twins: bool = True) -> None:
        """Plan for images of these names and sizes; a row is a position in both. Without `twins` only copies are found."""
        self._names = tuple(names)
        self._twins = TwinFinder(sizes_wh) if twins else None
        self._files: defaultdict[bytes, list[int]] = defaultdict(list)
        self._pixels: defaultdict[bytes, list[int]] = defaultdict(list)

    def add(self, row: int, data: bytes, image: Image) -> None:
        """Take in the file's bytes and its pixels `(H, W, 3)`."""
        self._files[hashlib.sha256(data).digest()].append(row)
        self._pixels[hashlib.sha256(str(image.shape).encode() + image.tobytes()).digest()].append(row)
        if self._twins is not None:
            self._twins.add(row, image)

    def result(self, progress: Progress = silent) -> Duplicates:
        """Everything that belongs together."""
        same_file, same_pixels = _neighbours(self._files), _neighbours(self._pixels)
        twins = [] if self._twins is None else self._twins.twins(progress)
        scenes = _scenes(len(self._names), twins)
        inside = {row: number for number, rows in enumerate(scenes) for row in rows}
        kept = [t for t in twins if t.same_frame or t.a not in inside or inside[t.a] != inside.get(t.b)]
        pairs: dict[tuple[int, int], Pair] = {(t.a, t.b): self._pair(t) for t in kept}
        for rows in same_pixels:
            pairs[rows] = Pair(self._names[rows[0]], self._names[rows[1]], Kind.PIXELS)
        for rows in same_file:
            pairs[rows] = Pair(self._names[rows[0]], self._names[rows[1]], Kind.FILE)
        clusters = [rows for rows in _sets(len(self._names), pairs) if len(rows) > 1]
        return Duplicates(
            self._names,
            tuple(pairs[rows] for rows in sorted(pairs)),
            self._named(clusters),
            self._named(scenes),
        )

    def _pair(self, twin: Twin) -> Pair:
        kind = Kind.FRAME if twin.same_frame else Kind.PLACE
        turn = "" if twin.turn == "as it is" else str(twin.turn)
        return Pair(self._names[twin.a], self._names[twin.b], kind, turn, twin.overlap, twin.likeness)

    def _named(self, sets: list[list[int]]) -> tuple[tuple[str, ...], ...]:
        named = [tuple(self._names[row] for row in rows) for rows in sets]
        return tuple(sorted(named, key=lambda names: (-len(names), names)))


def find_duplicates(dataset: Dataset, progress: Progress = silent) -> Duplicates:
    """Every duplicate of a dataset; reads each image once. Raises DatasetError for an image that cannot be read."""
    samples = dataset.samples
    finder = DuplicateFinder([dataset.name_of(s) for s in samples], [s.image_wh for s in samples])
    for row, sample in enumerate(progress(samples, "comparing")):
        try:
            data = sample.image.read_bytes()
            finder.add(row, data, decode_image(data, str(sample.image)))
        except OSError as error:
            raise DatasetError(f"{sample.image}: cannot be read ({error.strerror})") from None
        except ImageError as error:
            raise DatasetError(error.message, hint="`lineproof data check` lists every such image") from None
    return finder.result(progress)


def _neighbours(by_hash: defaultdict[bytes, list[int]]) -> list[tuple[int, int]]:
    """Each row with the next one of the same hash: enough to join them."""
    return [pair for rows in by_hash.values() for pair in pairwise(rows)]


def _scenes(count: int, twins: list[Twin]) -> list[list[int]]:
    """Clusters too large to be shots of one part."""
    sets = _sets(count, [(twin.a, twin.b) for twin in twins])
    return [rows for rows in sets if len(rows) > max(SCENE_IMAGES, SCENE_SHARE * count)]


def _sets(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    union = Union(range(count))
    for a, b in pairs:
        union.join(a, b)
    return union.sets()
