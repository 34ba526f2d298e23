"""fp32 to fp16, for GPUs: weights, arithmetic and outputs in half precision, camera bytes in as before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from lineproof.adapt.calibration import Range
from lineproof.engine.contract import INPUT
from lineproof.errors import GateError

_LARGEST = float(np.finfo(np.float16).max)
_ROOM = 2.0  # a part on the line may excite a layer more than any training image did


def to_fp16(model: bytes, ranges: Mapping[str, Range]) -> bytes:
    """The same graph in float16; outputs come as float16, which the engine reads.

    Raises:
        GateError: a layer comes within a factor of two of the largest half, where it would become infinite.
    """
    hot = next((name for name, found in ranges.items() if found.magnitude * _ROOM > _LARGEST), None)
    if hot is not None:
        raise GateError(
            f"{hot} reaches {ranges[hot].magnitude:.0f}, too near to the largest fp16 number ({_LARGEST:.0f})",
            hint="export with --precision fp32",
        )
    half = convert_float_to_float16(onnx.load_from_string(model), keep_io_types=False)
    for node in half.graph.node:  # bytes become float16 at once, not by way of float32
        if node.op_type == "Cast" and node.input[0] == INPUT:
            for attribute in node.attribute:
                if attribute.name == "to":
                    attribute.i = onnx.TensorProto.FLOAT16
    data: bytes = half.SerializeToString()
    return data
