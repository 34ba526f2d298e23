"""Part ids from QR codes and retail barcodes on the picture, read by OpenCV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lineproof.core import Image
from lineproof.engine.regions import Region
from lineproof.errors import EngineError
from lineproof.settings import StrictModel

Kind = Literal["qr", "ean_13", "ean_8", "upc_a"]
Grey = NDArray[np.uint8]


class CodeSettings(StrictModel):
    """Which code on the picture is the part id."""

    region: Region | None = Field(
        default=None, description="where the code is; default: anywhere, which takes several times as long"
    )
    kinds: tuple[Kind, ...] = Field(
        default=("qr",),
        min_length=1,
        description="what may be read. A QR code corrects its errors; one in ten misread retail barcodes has a valid "
        "check digit, and a blurred ean_13 may read as an ean_8: name only kinds that are there, and give a pattern",
    )
    pattern: str = Field(
        default=r".+",
        description="regular expression for the whole text; a code that does not match is none",
    )
    max_chars: int = Field(
        default=64, ge=1, le=512, description="longer is an error; Modbus shows 16, the records keep all"
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern


class CodeReader:
    """For one thread at a time: OpenCV's detectors keep state."""

    def __init__(self, settings: CodeSettings) -> None:
        self._region = settings.region
        self._kinds = frozenset(settings.kinds)
        self._pattern = re.compile(settings.pattern)
        self._max_chars = settings.max_chars
        # Each of the two finds codes that the other does not: together 59 of 60 turned, blurred and faint codes with
        # modules of 6 px, alone 58 and 45; with modules of 4 px 42, 29 and 32.
        self._qr = (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco())
        self._barcode = cv2.barcode.BarcodeDetector()

    def read(self, image: Image) -> str | None:
        """The part id on an `(H, W, 3)` uint8 BGR image; None when no code can be read.

        Raises:
            EngineError: two different codes are in view, the text is too long or has control characters, or the region
                does not lie in the image.
        """
        seen = image if self._region is None else self._region.cut(image)
        grey: Grey = cv2.cvtColor(np.ascontiguousarray(seen), cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
        texts = sorted({text for text in self._texts(grey) if self._is_one(text)})
        if len(texts) > 1:
            raise EngineError(
                f"two codes are in view: {_shown(texts[0])} and {_shown(texts[1])}",
                hint="one part in front of the camera; or narrow `region`, `kinds` or `pattern`",
            )
        return texts[0] if texts else None

    def _is_one(self, text: str) -> bool:
        """Whether a text is meant as a part id; raises EngineError for one that none can be."""
        if not text.isprintable():
            raise EngineError(f"the code {_shown(text)} has control characters", hint="print codes of plain text")
        if not self._pattern.fullmatch(text):
            return False
        if len(text) > self._max_chars:
            raise EngineError(f"the code {_shown(text)} has {len(text)} characters, more than {self._max_chars}")
        return True

    def _texts(self, grey: Grey) -> Iterator[str]:
        if "qr" in self._kinds:
            for detector in self._qr:
                yield from filter(None, detector.detectAndDecodeMulti(grey)[1])
        if self._kinds - {"qr"}:
            # The gradients that it looks for are steadier on a slightly blurred picture: 45 of 60 instead of 40.
            for picture in (grey, cv2.GaussianBlur(grey, (0, 0), 1)):
                _, texts, kinds, _ = self._barcode.detectAndDecodeWithType(picture)
                yield from (text for text, kind in zip(texts, kinds, strict=True) if kind.lower() in self._kinds)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:39] + "…")
