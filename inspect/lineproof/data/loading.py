"""Every item of a source read once: its image whole, its label turned into truth, what cannot be used set apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np

from lineproof.core import Detections, Sample
from lineproof.data.formats.pictures import picture_wh
from lineproof.data.formats.source import Item, Source, Unlabelled
from lineproof.data.formats.wording import count, some
from lineproof.errors import DatasetError, ImageError

# A box may end a rounding error beyond the image; more is a finding of the audit and stays as it is.
CLIP_PX = 1.0

Thing = TypeVar("Thing")


class Progress(Protocol):
    """Passes things through and shows how far it is."""

    def __call__(self, things: Sequence[Thing], what: str) -> Iterable[Thing]:
        """The same things, one after another."""


def silent(things: Sequence[Thing], what: str) -> Iterable[Thing]:
    """No progress shown."""
    del what
    return things


@dataclass(slots=True, eq=False)
class Loaded:
    """Images with truth, images nobody annotated, and images that cannot be read, each with the reason."""

    samples: list[Sample] = field(default_factory=list)  # the group is still empty
    unlabelled: list[tuple[Sample, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    outlined: int = 0  # instances with an outline


def load(source: Source, progress: Progress = silent) -> Loaded:
    """Read everything; raises DatasetError when labels cannot be used, after looking at all of them."""
    loaded = Loaded()
    wrong: list[DatasetError] = []
    for item in progress(source.items, "reading"):
        try:
            _load_item(item, loaded)
        except ImageError as error:
            loaded.unreadable.append(error.message)
        except DatasetError as error:
            wrong.append(error)
    if wrong:
        more = f" (and {count(len(wrong) - 1, 'more file')})" if len(wrong) > 1 else ""
        raise DatasetError(f"{wrong[0].message}{more}", hint=wrong[0].hint)
    return loaded


def _load_item(item: Item, loaded: Loaded) -> None:
    image_wh = picture_wh(item.image)
    found = item.label.read(image_wh)
    if isinstance(found, Unlabelled):
        good = Sample(item.image, image_wh, Detections.empty(with_masks=True), "", item.split)
        loaded.unlabelled.append((good, found.reason))
        return
    loaded.outlined += found.outlined
    truth = replace(found.truth, xyxy=clip_slightly(found.truth.xyxy, image_wh))
    loaded.samples.append(Sample(item.image, image_wh, truth, "", item.split))


def clip_slightly(xyxy: np.ndarray, image_wh: tuple[int, int]) -> np.ndarray:
    """Sides of boxes `(n, 4)` up to `CLIP_PX` outside the image moved onto its edge; sides further out are left."""
    limit = np.array([*image_wh, *image_wh], np.float32)
    inside = np.clip(xyxy, 0, limit)
    return np.where(np.abs(xyxy - inside) <= CLIP_PX, inside, xyxy).astype(np.float32)


def unlabelled_error(loaded: Loaded) -> DatasetError:
    """The refusal of images without annotation, the first few by name."""
    reasons = {reason for _, reason in loaded.unlabelled}
    if len(reasons) == 1:
        told = f" ({reasons.pop()}): {some(sample.image.name for sample, _ in loaded.unlabelled)}"
    else:
        told = f": {some(f'{sample.image.name} ({reason})' for sample, reason in loaded.unlabelled)}"
    return DatasetError(
        f"{count(len(loaded.unlabelled), 'image')} without annotation{told}",
        hint="--unlabelled ok if they are good parts, --unlabelled skip to leave them out",
    )
