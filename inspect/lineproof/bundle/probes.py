"""A few images with the detections expected of them: replayed at every start, on the hardware that will decide."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from lineproof.core import BoxMask, Decision, Detections, Image
from lineproof.core.threshold import Threshold
from lineproof.errors import BundleError
from lineproof.settings import StrictModel

EXPECTED = "probes/expected.json"


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One image and what the engine found on it when the bundle was sealed."""

    name: str  # of the validation image it was
    image: Image
    expected: Detections


class ProbeTolerance(StrictModel):
    """How far another machine's arithmetic may be off."""

    score: float = Field(default=0.02, gt=0, lt=1, description="largest difference of a score")
    box_iou: float = Field(default=0.9, gt=0, le=1, description="least overlap of two boxes")
    mask_iou: float = Field(default=0.85, gt=0, le=1, description="least overlap of two masks")


class _Mask(StrictModel):
    x: int = Field(description="left pixel")
    y: int = Field(description="top pixel")
    width: int = Field(ge=0, le=100_000, description="pixels")
    height: int = Field(ge=0, le=100_000, description="pixels")
    runs: list[int] = Field(description="lengths of background and mask in turn, row by row")


class _Found(StrictModel):
    class_id: int = Field(ge=0, description="index of the class")
    score: float = Field(ge=0, le=1, description="0..1")
    xyxy: tuple[float, float, float, float] = Field(description="frame pixels")
    mask: _Mask | None = Field(default=None, description="segmentation only")


class _Expected(StrictModel):
    image: str = Field(description="file beside this one")
    source: str = Field(description="the validation image it was")
    detections: list[_Found] = Field(description="everything above the score floor")


class _ExpectedFile(StrictModel):
    tolerance: ProbeTolerance = Field(description="how far another machine may be off")
    probes: list[_Expected] = Field(description="one per image")


def decide(detections: Detections, thresholds: Mapping[str, Threshold], classes: tuple[str, ...]) -> Decision:
    """The decision at the bundle's own thresholds, without any tolerance of a line."""
    limits = [thresholds[name] for name in classes]
    sure = any(score >= limits[c].score for score, c in zip(detections.score, detections.class_id, strict=True))
    maybe = any(score >= limits[c].review_score for score, c in zip(detections.score, detections.class_id, strict=True))
    if sure:
        return Decision.FAIL
    return Decision.REVIEW if maybe else Decision.PASS


def write_probes(probes: tuple[Probe, ...], tolerance: ProbeTolerance | None = None) -> dict[str, bytes]:
    """The files of the folder `probes/`; images as PNG, so that every machine decodes the same pixels."""
    files: dict[str, bytes] = {}
    entries: list[_Expected] = []
    for index, probe in enumerate(probes):
        name = f"{index:02d}.png"
        files[f"probes/{name}"] = cv2.imencode(".png", probe.image)[1].tobytes()
        entries.append(_Expected(image=name, source=probe.name, detections=_rows(probe.expected)))
    content = _ExpectedFile(tolerance=tolerance or ProbeTolerance(), probes=entries)
    files[EXPECTED] = (json.dumps(content.model_dump(mode="json"), sort_keys=True) + "\n").encode()
    return files


def read_probes(files: Mapping[str, bytes], where: str) -> tuple[tuple[Probe, ...], ProbeTolerance]:
    """Probes and tolerance from a bundle's files; raises BundleError when they do not fit together."""
    if EXPECTED not in files:
        return (), ProbeTolerance()
    try:
        content = _ExpectedFile.model_validate_json(files[EXPECTED])
        probes = tuple(_probe(entry, files) for entry in content.probes)
    except ValidationError as error:
        raise BundleError(f"{where}: {EXPECTED}: {error.errors()[0]['msg']}", hint="export the bundle again") from None
    except (KeyError, ValueError) as error:
        raise BundleError(f"{where}: {EXPECTED}: {error}", hint="export the bundle again") from None
    return probes, content.tolerance


def _probe(entry: _Expected, files: Mapping[str, bytes]) -> Probe:
    image = _decoded(files[f"probes/{entry.image}"], f"probes/{entry.image}")
    found = entry.detections
    masks = [None if row.mask is None else _bitmap(row.mask) for row in found]
    complete = tuple(mask for mask in masks if mask is not None)
    detections = Detections(
        np.array([row.xyxy for row in found], np.float32).reshape(-1, 4),
        np.array([row.score for row in found], np.float32),
        np.array([row.class_id for row in found], np.int32),
        complete if found and len(complete) == len(found) else None,
    )
    return Probe(entry.source, image, detections)


def _decoded(data: bytes, name: str) -> Image:
    """The pixels of a file whose hash was checked: a camera's line never needs what reads strangers' headers."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if pixels is None:
        raise ValueError(f"{name} is no image")
    return np.asarray(pixels, np.uint8)


def _rows(detections: Detections) -> list[_Found]:
    return [
        _Found(
            class_id=int(detections.class_id[row]),
            score=float(detections.score[row]),
            xyxy=tuple(detections.xyxy[row].tolist()),
            mask=None if detections.masks is None else _runs(detections.masks[row]),
        )
        for row in range(len(detections))
    ]


def _runs(mask: BoxMask) -> _Mask:
    """Lengths of alternating runs, starting with background."""
    height, width = mask.bitmap.shape
    flat = np.concatenate([[False], mask.bitmap.ravel()])
    edges = [0, *np.flatnonzero(flat[1:] != flat[:-1]).tolist(), height * width]
    runs = [end - start for start, end in pairwise(edges)]
    return _Mask(x=mask.x, y=mask.y, width=width, height=height, runs=runs)


def _bitmap(mask: _Mask) -> BoxMask:
    if sum(mask.runs) != mask.width * mask.height or min(mask.runs, default=0) < 0:
        raise ValueError("a mask's runs do not fill its box")
    values = np.arange(len(mask.runs)) % 2 == 1
    flat: NDArray[np.bool_] = np.repeat(values, mask.runs)
    return BoxMask(mask.x, mask.y, flat.reshape(mask.height, mask.width))
