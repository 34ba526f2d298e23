"""The fastest INT8 layout that changes no decision: first everything on bytes, then less and less."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.calibration import Range
from lineproof.adapt.quantize import Layout, to_int8
from lineproof.adapt.sensitivity import worst_blocks

CountFlips = Callable[[bytes], int]  # decisions that a model changes on the validation images
Say = Callable[[str], None]

# Blocks put back into float at each further try. Six of yolov8n's about thirty are a fifth of its time.
_BLOCKS_BACK = (1, 3, 6)


@dataclass(frozen=True, slots=True)
class Int8Model:
    """A quantised model, how it was laid out and how many decisions it changes."""

    model: bytes
    layout: Layout
    flips: int


def search_int8(
    model: bytes,
    ranges: Mapping[str, Range],
    probes: Sequence[NDArray[np.uint8]],
    count_flips: CountFlips,
    say: Say,
    *,
    silu_on_bytes_first: bool = True,
    max_flips: int = 0,
) -> Int8Model:
    """Quantise a float model; the first layout that changes at most `max_flips` decisions, else the one of fewest.

    `probes` are a few inputs `(1, H, W, C)` by which the blocks are ranked, if it comes to that. Which layout is the
    faster one depends on the runtime: onnxruntime has SiLU on bytes in a table, OpenVINO fuses it in float into the
    convolution (yolov8n at 640, × the fp32 floor: 0.441 against 0.488 on one thread, 0.435 against 0.494 on two).
    """
    tried: list[Int8Model] = []
    for layout in (Layout(silu_on_bytes=silu_on_bytes_first), Layout(silu_on_bytes=not silu_on_bytes_first)):
        tried.append(_tried(model, ranges, layout, count_flips, say))
        if tried[-1].flips <= max_flips:
            return tried[-1]
    say("looking for the blocks that suffer most from eight bits")
    worst = worst_blocks(model, ranges, probes)
    for count in _BLOCKS_BACK:
        if len(worst) < count:
            break
        layout = Layout(silu_on_bytes=False, float_blocks=worst[:count])
        tried.append(_tried(model, ranges, layout, count_flips, say))
        if tried[-1].flips <= max_flips:
            return tried[-1]
    return min(tried, key=lambda found: found.flips)  # of equals the first, which is the fastest


def _tried(model: bytes, ranges: Mapping[str, Range], layout: Layout, count_flips: CountFlips, say: Say) -> Int8Model:
    quantised = to_int8(model, ranges, layout)
    found = Int8Model(quantised, layout, count_flips(quantised))
    say(f"int8, {layout.describe()}: {found.flips} decisions change")
    return found
