"""Pooled features on disk: computed once per image content and backbone, read in milliseconds ever after."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.features.backbone import Backbone
from lineproof.adapt.isolation import cache_folder
from lineproof.atomic import write_bytes
from lineproof.core.decode import decode_image
from lineproof.errors import ImageError

_AT_ONCE = 32  # images in memory at a time
_DIGEST = 32  # bytes of sha256 in front of the numbers


def pooled_features(
    paths: Sequence[Path],
    backbone: Backbone,
    *,
    cache: Path | None = None,
    advance: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """`(n, d)` of image files, in order; `advance` is called once for each.

    Kept in `cache` (default: lineproof's own cache folder) by the content of the image and the identity of the
    backbone. A damaged entry is computed again; a folder that cannot be written to costs time, nothing else.

    Raises:
        ImageError: a file that is no usable image; names it.
    """
    folder = (cache or cache_folder() / "features") / backbone.identity[:32]
    result = np.zeros((len(paths), backbone.dimension), np.float32)
    for start in range(0, len(paths), _AT_ONCE):
        missing: list[tuple[int, Path, bytes]] = []  # row, its entry, the image
        for row, path in enumerate(paths[start : start + _AT_ONCE], start):
            data = _bytes_of(path)
            entry = _entry(folder, data)
            known = _read(entry, backbone.dimension)
            if known is None:
                missing.append((row, entry, data))
            else:
                result[row] = known
                advance()
        images = [decode_image(data, str(paths[row])) for row, _, data in missing]
        for (row, entry, _), features in zip(missing, backbone.pooled(images), strict=True):
            result[row] = features
            _write(entry, features)
            advance()
    return result


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from None


def _entry(folder: Path, data: bytes) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    return folder / digest[:2] / f"{digest}.f32"


def _read(entry: Path, dimension: int) -> NDArray[np.float32] | None:
    """The numbers of an entry; None when it is absent or damaged."""
    try:
        data = entry.read_bytes()
    except OSError:
        return None
    numbers = data[_DIGEST:]
    if len(numbers) != 4 * dimension or hashlib.sha256(numbers).digest() != data[:_DIGEST]:
        return None
    return np.frombuffer(numbers, "<f4").astype(np.float32)


def _write(entry: Path, features: NDArray[np.float32]) -> None:
    numbers = features.astype("<f4").tobytes()
    try:
        write_bytes(entry, hashlib.sha256(numbers).digest() + numbers)
    except OSError:  # a full or read-only disk: the features are in memory all the same
        return
