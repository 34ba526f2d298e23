"""Which images a network has learnt from: hashes, groups and tiny pictures, so that no proof is built on them again."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from lineproof.bundle.manifest import Sha256
from lineproof.errors import BundleError
from lineproof.settings import StrictModel, first_problem

TRAINING: Final = "training.json"
TINY_PX: Final = 32  # side of a tiny picture, which is stretched to it


class TrainingImage(StrictModel):
    """One image of the splits that training has seen."""

    name: str = Field(description="below images/ of its dataset")
    split: Literal["train", "val"] = Field(description="train: learnt from; val: the best epoch was chosen by it")
    group: str = Field(description="part or lot")
    sha256: Sha256 = Field(description="of the file")


class _File(StrictModel):
    schema_version: Literal[1] = 1
    images: tuple[TrainingImage, ...]
    tiny_px: Literal[32] = TINY_PX
    tiny: Annotated[str, Field(description="local contrast of every image, int8, base64")]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingImages:
    """Rows of images, and their local contrast `(n, 32, 32)` int8."""

    images: tuple[TrainingImage, ...]
    tiny: NDArray[np.int8]

    def to_json(self) -> bytes:
        """The file's bytes: the same content, the same bytes."""
        text = base64.b64encode(np.ascontiguousarray(self.tiny).tobytes()).decode()
        return (_File(images=self.images, tiny=text).model_dump_json(indent=1) + "\n").encode()

    @classmethod
    def of_bundle(cls, extras: Mapping[str, bytes], where: str) -> TrainingImages | None:
        """What a bundle carries; None for one sealed before this was kept.

        Raises:
            BundleError: the file contradicts itself.
        """
        if TRAINING not in extras:
            return None
        try:
            told = _File.model_validate(json.loads(extras[TRAINING]))
            tiny = np.frombuffer(base64.b64decode(told.tiny, validate=True), np.int8)
            return cls(told.images, tiny.reshape(len(told.images), TINY_PX, TINY_PX))
        except ValueError as error:  # pydantic's own is one, of several lines
            why = first_problem(error) if isinstance(error, ValidationError) else str(error)
            raise BundleError(f"{where}: {TRAINING} cannot be read: {why}", hint="export the bundle again") from None
