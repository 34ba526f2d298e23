"""Drawn parts as a dataset folder: exact masks, groups, good parts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from lineproof.core import BoxMask, Detections, Sample
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.data.folder import require_free
from lineproof.data.layout import SETTINGS
from lineproof.data.loading import Progress, silent
from lineproof.data.synth import SynthSettings, SynthShot, synth_shots
from lineproof.errors import DatasetError, InputError, SettingsError

ImageFormat = Literal["png", "jpg"]
JPEG_QUALITY = 95
# Beside the code in a wheel, in `datasets/` of a checkout.
_PACKAGE = Path(__file__).resolve().parent.parent
_HOMES = (_PACKAGE / "_datasets" / "synth", _PACKAGE.parent.parent / "datasets" / "synth")


def demo_settings() -> Path:
    """The settings file of the demo's parts, which comes with lineproof."""
    for home in _HOMES:
        if (home / "demo.yaml").is_file():
            return home / "demo.yaml"
    raise SettingsError("the demo's settings did not come with this installation", hint="give a file with --settings")


def write_synth_dataset(
    out: Path,
    settings: SynthSettings,
    parts: int,
    seed: int,
    *,
    image_format: ImageFormat = "png",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Dataset:
    """Draw `parts` parts and write them as a dataset; the same seed gives the same bytes.

    Raises:
        InputError: no part, or a negative seed.
        DatasetError: `out` is taken or cannot be written.
    """
    if parts < 1 or seed < 0:
        raise InputError(f"{parts} parts from seed {seed}: expected at least one part, and a seed of 0 or more")
    require_free(out, overwrite=overwrite, marker=SETTINGS)
    shots = synth_shots(settings, seed, parts)
    with tempfile.TemporaryDirectory(prefix="lineproof-synth-") as scratch:
        samples = []
        for number in progress(range(parts * settings.shots_per_part), "drawing"):
            shot = next(shots)
            name = shot.group if settings.shots_per_part == 1 else f"{shot.group}-{number % settings.shots_per_part}"
            path = Path(scratch) / f"{name}.{image_format}"
            _write_image(path, shot)
            samples.append(_sample(path, shot, settings.defects))
        return write_dataset(out, settings.defects, samples, "synth", overwrite=overwrite)


def _write_image(path: Path, shot: SynthShot) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    encoded, data = cv2.imencode(path.suffix, shot.image, options)
    if not encoded:
        raise DatasetError(f"{path.name}: cannot be written as {path.suffix}")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise DatasetError(f"{path.parent}: cannot be written ({error.strerror})", hint="set TMPDIR") from None


def _sample(path: Path, shot: SynthShot, classes: tuple[str, ...]) -> Sample:
    """The shot with its truth; a defect that covers no pixel is none."""
    masks = [(classes.index(defect.class_name), BoxMask.from_full(defect.mask)) for defect in shot.defects]
    shown = [(class_id, mask) for class_id, mask in masks if mask.area_px]
    truth = Detections(
        np.array([mask.xyxy for _, mask in shown], np.float32).reshape(-1, 4),
        np.ones(len(shown), np.float32),
        np.array([class_id for class_id, _ in shown], np.int32),
        tuple(mask for _, mask in shown),
    )
    height, width = shot.image.shape[:2]
    return Sample(path, (width, height), truth, shot.group)
