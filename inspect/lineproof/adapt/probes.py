"""Choose the images a bundle carries to prove itself on every new machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import cv2
import numpy as np

from lineproof.bundle.probes import Probe
from lineproof.core import Detections, Image, Sample
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.core.tiles import Tiling
from lineproof.ports import Engine

MAX_PROBE_PIXELS = 2_000_000  # eight camera frames of 12 megapixels would be a bundle of 200 MB and a slow start
_TRIED = 8  # images looked at for each place in the set


def choose_probes(
    engine: Engine,
    samples: Sequence[Sample],
    thresholds: Mapping[str, Threshold],
    *,
    count: int = 3,
    tiling: Tiling | None = None,
) -> tuple[Probe, ...]:
    """A good part and one image per class, as many as `count` allows; what the engine finds on them is what is sealed.

    Each costs one run at every start (25 to 60 ms at 640 px). What can be wrong with a machine is its arithmetic, which
    is the same for every class: a good part and two with defects tell it as well as eight.

    Among the images that would do, those are taken whose scores lie far from every threshold: on them another
    machine's rounding cannot change a decision. A data set without good parts gets a plain grey image in their place.
    Where the engine cuts tiles, a probe is the part of the image that makes two by two of them: enough to see that they
    are put together, and a start need not wait for all.
    """
    chosen = [_good_part(engine, samples, thresholds, tiling)]
    taken = {chosen[0].name}
    for class_id in [*range(len(engine.classes)), *range(len(engine.classes))]:
        if len(chosen) >= count:
            break
        holders = (s for s in samples if class_id in s.truth.class_id and s.image.name not in taken)
        best = _steadiest(engine, holders, thresholds, class_id, tiling)
        if best is not None:
            chosen.append(best)
            taken.add(best.name)
    return tuple(chosen)


def _good_part(
    engine: Engine, samples: Sequence[Sample], thresholds: Mapping[str, Threshold], tiling: Tiling | None
) -> Probe:
    best = _steadiest(engine, (s for s in samples if s.ok), thresholds, None, tiling)
    if best is not None:
        return best
    width, height = engine.input_wh
    return _probe(engine, "plain grey", np.full((height, width, 3), 128, np.uint8))


def _steadiest(
    engine: Engine,
    samples: Iterator[Sample],
    thresholds: Mapping[str, Threshold],
    class_id: int | None,
    tiling: Tiling | None,
) -> Probe | None:
    """Of the first few samples the one furthest from every threshold; with the class found on it, if on any."""
    probes = [_probe(engine, s.image.name, _sized(s, class_id, tiling)) for s in islice(samples, _TRIED)]
    if not probes:
        return None
    return max(
        probes,
        key=lambda p: (
            _shows(p.expected, class_id, thresholds, engine.classes),
            _margin(p.expected, thresholds, engine),
        ),
    )


def _probe(engine: Engine, name: str, image: Image) -> Probe:
    return Probe(name, image, engine.detect(image)[0])


def _sized(sample: Sample, class_id: int | None, tiling: Tiling | None) -> Image:
    """The sample's image made smaller: shrunk as a whole, or the two by two tiles around its defect."""
    image = read_image(sample.image)
    if tiling is None:
        return _shrunk(image)
    shown = sample.truth.xyxy[sample.truth.class_id == class_id] if class_id is not None else sample.truth.xyxy
    middle = shown[0].reshape(2, 2).mean(axis=0) if len(shown) else np.array(sample.image_wh) / 2
    sides = 2 * np.array(tiling.slice_wh) - tiling.overlap_wh
    left, top = np.clip(middle - sides / 2, 0, np.maximum(np.array(sample.image_wh) - sides, 0)).astype(int).tolist()
    return np.ascontiguousarray(image[top : top + int(sides[1]), left : left + int(sides[0])])


def _shrunk(image: Image) -> Image:
    scale = (MAX_PROBE_PIXELS / (image.shape[0] * image.shape[1])) ** 0.5
    if scale >= 1:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _shows(
    found: Detections, class_id: int | None, thresholds: Mapping[str, Threshold], classes: tuple[str, ...]
) -> bool:
    """Whether the image does what it is wanted for: the class is surely found, or nothing is (None)."""
    sure = np.array([thresholds[classes[c]].score for c in found.class_id], np.float32)
    if class_id is None:
        return not (found.score >= sure).any()
    return bool(((found.score >= sure) & (found.class_id == class_id)).any())


def _margin(found: Detections, thresholds: Mapping[str, Threshold], engine: Engine) -> float:
    """Least distance of any score from a threshold of its class."""
    gaps = [
        abs(float(score) - limit)
        for score, c in zip(found.score, found.class_id, strict=True)
        for limit in thresholds[engine.classes[c]]
    ]
    return min(gaps, default=1.0)
