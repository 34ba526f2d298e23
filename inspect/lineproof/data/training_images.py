"""Take the prints of the images that training sees, and recognise them in another set of images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.bundle.training_images import TINY_PX, TrainingImage, TrainingImages
from lineproof.core import Image, Sample
from lineproof.core.decode import decode_image
from lineproof.data.dataset import Dataset
from lineproof.data.loading import Progress, silent
from lineproof.data.twins.signature import LEVELS_PER_UNIT, local_contrast
from lineproof.errors import DatasetError

# Correlation of tiny pictures. Copies saved again (JPEG 50, 0.7 of the exposure, gamma 1.5, 0.6 of the size, noise of 4 grey
# levels) reached 0.85 and more on NEU-DET and magnetic tile, other parts in all eight turns at most 0.49 and 0.78.
COPY_LIKENESS = 0.82
# Where different training parts look this alike already, tiny pictures cannot tell a copy from another part.
ALIKE = 0.78
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Known:
    """An image that training has seen, too."""

    name: str
    training: TrainingImage
    why: str  # identical file, same group, same picture

    def __str__(self) -> str:
        """The relation in words."""
        return f"{self.name} ({self.why} as {self.training.name} of {self.training.split})"


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """What of a set of images training has seen, and whether pictures could be compared at all."""

    known: tuple[Known, ...]
    pictures_told_apart: bool  # False: parts look so alike that only identical files and groups were looked for


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """By what images are recognised, one row an image."""

    sha256: list[str]  # of the file
    tiny: list[NDArray[np.int8]]  # local contrast (32, 32)

    @classmethod
    def none(cls) -> Prints:
        """To be filled by `add`."""
        return cls([], [])

    def add(self, data: bytes, image: Image) -> None:
        """One more row, from the file's bytes and its pixels `(H, W, 3)`."""
        self.sha256.append(hashlib.sha256(data).hexdigest())
        self.tiny.append(_tiny(image))


def training_images(dataset: Dataset, progress: Progress = silent) -> TrainingImages:
    """Prints of the train and val images of a dataset, in its order.

    Raises:
        DatasetError: an image cannot be read.
    """
    seen = [sample for sample in dataset.samples if sample.split in ("train", "val")]
    prints = take_prints(seen, progress)
    rows = tuple(
        TrainingImage.model_validate(
            {"name": dataset.name_of(sample), "split": sample.split, "group": sample.group, "sha256": sha256}
        )
        for sample, sha256 in zip(seen, prints.sha256, strict=True)
    )
    return TrainingImages(rows, _stacked(prints))


def take_prints(samples: Sequence[Sample], progress: Progress = silent) -> Prints:
    """Prints of images, each read once; raises DatasetError for one that cannot be read."""
    prints = Prints.none()
    for sample in progress(samples, "hashing"):
        data = _read(sample)
        prints.add(data, decode_image(data, str(sample.image)))
    return prints


def find_known(trained: TrainingImages, dataset: Dataset, samples: Sequence[Sample], prints: Prints) -> Overlap:
    """Which samples of a dataset training has seen; groups are compared by name where it learnt from this very dataset.

    Raises:
        DatasetError: an image of the dataset cannot be read.
    """
    by_hash = {image.sha256: image for image in trained.images}
    by_group = {image.group: image for image in trained.images} if _same_dataset(by_hash, dataset, samples) else {}
    told_apart = not _alike(trained)
    same_picture = _same_picture(trained, _stacked(prints)) if told_apart else {}
    known = []
    for row, (sample, sha256) in enumerate(zip(samples, prints.sha256, strict=True)):
        name = dataset.name_of(sample)
        if sha256 in by_hash:
            known.append(Known(name, by_hash[sha256], "identical file"))
        elif sample.group in by_group:
            known.append(Known(name, by_group[sample.group], "same group"))
        elif row in same_picture:
            known.append(Known(name, trained.images[same_picture[row]], "same picture"))
    return Overlap(tuple(known), told_apart)


def _same_dataset(by_hash: Mapping[str, TrainingImage], dataset: Dataset, samples: Sequence[Sample]) -> bool:
    """Whether any other image of the dataset is a training image."""
    asked = {sample.image for sample in samples}
    others = (sample for sample in dataset.samples if sample.image not in asked)
    return any(hashlib.sha256(_read(sample)).hexdigest() in by_hash for sample in others)


def _same_picture(trained: TrainingImages, tiny: NDArray[np.int8]) -> dict[int, int]:
    """Row of the samples → row of the training image it is a copy of, mirrored and turned ones too."""
    reference = _unit(trained.tiny)
    found: dict[int, int] = {}
    if not len(reference):
        return found
    for mirrored in (tiny, tiny[:, :, ::-1]):
        for quarter_turns in range(4):
            turned = _unit(np.rot90(mirrored, quarter_turns, axes=(1, 2)))
            for start in range(0, len(turned), _CHUNK):
                likeness = turned[start : start + _CHUNK] @ reference.T
                best = likeness.argmax(axis=1)
                hits = np.flatnonzero(likeness[np.arange(len(best)), best] >= COPY_LIKENESS)
                found |= {start + int(row): int(best[row]) for row in hits}
    return found


def _alike(trained: TrainingImages) -> bool:
    """Whether training images of different groups look alike already: more than one in twenty has such a double."""
    if len(trained.images) < 2:
        return False
    unit = _unit(trained.tiny)
    _, group = np.unique([image.group for image in trained.images], return_inverse=True)
    doubles = 0
    for start in range(0, len(unit), _CHUNK):
        likeness = unit[start : start + _CHUNK] @ unit.T
        likeness[group[start : start + _CHUNK, None] == group] = -1
        doubles += int((likeness.max(axis=1) >= ALIKE).sum())
    return doubles > len(unit) / 20


def _unit(tiny: NDArray[np.int8]) -> NDArray[np.float32]:
    rows = tiny.reshape(len(tiny), TINY_PX**2).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def _stacked(prints: Prints) -> NDArray[np.int8]:
    return np.array(prints.tiny, np.int8).reshape(-1, TINY_PX, TINY_PX)


def _tiny(image: Image) -> NDArray[np.int8]:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = np.asarray(cv2.resize(grey, (TINY_PX, TINY_PX), interpolation=cv2.INTER_AREA), np.float32)
    return np.clip(np.round(local_contrast(small) * LEVELS_PER_UNIT), -127, 127).astype(np.int8)


def _read(sample: Sample) -> bytes:
    try:
        return sample.image.read_bytes()
    except OSError as error:
        raise DatasetError(f"{sample.image}: cannot be read ({error.strerror})") from None
