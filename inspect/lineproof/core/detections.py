"""One columnar type for results, truth and predictions alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineproof.core.boxes import box_area
from lineproof.core.masks import BoxMask


def _column(name: str, value: ArrayLike, dtype: type[np.generic], shape: tuple[int | None, ...]) -> NDArray[np.generic]:
    """A read-only array of the given type; raises ValueError that names expected and got."""
    array = np.asarray(value, dtype)
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        expected = (
            "("
            + ", ".join("n" if size is None else str(size) for size in shape)
            + ("," if len(shape) == 1 else "")
            + ")"
        )
        raise ValueError(f"{name}: expected {expected}, got {array.shape}")
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Parallel columns in original-frame pixels; `detections[detections.score > 0.5]` filters all of them at once."""

    xyxy: NDArray[np.float32]  # (n, 4) x right, y down
    score: NDArray[np.float32]  # (n,) 0..1; truth has 1
    class_id: NDArray[np.int32]  # (n,)
    masks: tuple[BoxMask, ...] | None = None

    def __post_init__(self) -> None:
        """Convert, freeze and check the columns; raises ValueError with expected and got."""
        object.__setattr__(self, "xyxy", _column("xyxy", self.xyxy, np.float32, (None, 4)))
        count = len(self.xyxy)
        object.__setattr__(self, "score", _column("score", self.score, np.float32, (count,)))
        object.__setattr__(self, "class_id", _column("class_id", self.class_id, np.int32, (count,)))
        if self.masks is not None and len(self.masks) != count:
            raise ValueError(f"masks: expected {count}, got {len(self.masks)}")

    @classmethod
    def empty(cls, *, with_masks: bool = False) -> Detections:
        """No detection: columns of length 0, never None."""
        return cls(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), () if with_masks else None
        )

    @classmethod
    def concat(cls, parts: Iterable[Detections]) -> Detections:
        """One after another; masks are kept only when every part has them."""
        items = list(parts)
        if not items:
            return cls.empty()
        masks = None
        if all(item.masks is not None for item in items):
            masks = tuple(mask for item in items for mask in (item.masks or ()))
        return cls(
            np.concatenate([i.xyxy for i in items]),
            np.concatenate([i.score for i in items]),
            np.concatenate([i.class_id for i in items]),
            masks,
        )

    def __len__(self) -> int:
        """Number of detections."""
        return len(self.score)

    def __getitem__(self, key: NDArray[np.generic] | slice | list[int]) -> Detections:
        """Rows by boolean column, index list or slice."""
        rows = np.arange(len(self))[key]
        masks = None if self.masks is None else tuple(self.masks[int(row)] for row in rows)
        return Detections(self.xyxy[rows], self.score[rows], self.class_id[rows], masks)

    @property
    def area_px(self) -> NDArray[np.float32]:
        """Areas `(n,)` in px²: of the mask where there is one, else of the box."""
        if self.masks is None:
            return box_area(self.xyxy)
        return np.array([mask.area_px for mask in self.masks], np.float32)

    def shift(self, dx: int, dy: int) -> Detections:
        """The same detections moved by whole pixels."""
        masks = None if self.masks is None else tuple(mask.shift(dx, dy) for mask in self.masks)
        return Detections(self.xyxy + np.array([dx, dy, dx, dy], np.float32), self.score, self.class_id, masks)

    def magnify(self, times: int) -> Detections:
        """Boxes in a picture so many times as large: exact for 2, 4 and 8; raises ValueError for masks of another size."""
        if times == 1:
            return self
        if self.masks is not None:
            raise ValueError(f"masks cannot be magnified {times} times: they belong to the pixels they were found on")
        return Detections(self.xyxy * np.float32(times), self.score, self.class_id)
