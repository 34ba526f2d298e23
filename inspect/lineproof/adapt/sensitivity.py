"""Which blocks of a network suffer most from eight bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from lineproof.adapt.anatomy import study
from lineproof.adapt.calibration import Range, cpu_session, with_outputs
from lineproof.adapt.quantize import Layout, named, to_int8
from lineproof.engine.contract import INPUT

Maps = list[NDArray[np.float32]]


def worst_blocks(model: bytes, ranges: Mapping[str, Range], images: Sequence[NDArray[np.uint8]]) -> tuple[str, ...]:
    """Blocks that lower the error of the head's maps when they are left in float, the most helpful first.

    `images` are a few inputs `(1, H, W, C)`; one quantised model per block is built and run over them.
    """
    anatomy = study(named(model))
    expected = _maps(model, anatomy.last_maps, images)
    base = _error(expected, _maps(to_int8(model, ranges, Layout(silu_on_bytes=False)), anatomy.last_maps, images))
    gains: dict[str, float] = {}
    for block in anatomy.groups:
        layout = Layout(silu_on_bytes=False, float_blocks=(block,))
        gains[block] = base - _error(expected, _maps(to_int8(model, ranges, layout), anatomy.last_maps, images))
    return tuple(sorted((block for block, gain in gains.items() if gain > 0), key=lambda b: -gains[b]))


def _maps(model: bytes, names: Sequence[str], images: Sequence[NDArray[np.uint8]]) -> Maps:
    """The head's last maps of every image, one after the other."""
    session = cpu_session(with_outputs(onnx.load_from_string(model), dict.fromkeys(names)))
    return [found for image in images for found in session.run(None, {INPUT: image})]


def _error(expected: Maps, got: Maps) -> float:
    """Mean square difference as a share of the square, each map counting alike."""
    shares = [((a - b) ** 2).mean() / max(float((a**2).mean()), 1e-12) for a, b in zip(expected, got, strict=True)]
    return float(np.mean(shares))
