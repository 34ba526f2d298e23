"""fp32 to fp16, for GPUs: weights and arithmetic in half precision, camera bytes in as before.

Written out rather than taken from onnxruntime's converter: that one rounds every value of the nodes it is told to leave
in float32, clips weights that do not fit without a word, and leaves nodes out of order when a graph is decoded to rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineproof.adapt.anatomy import CONVOLUTIONS, study
from lineproof.adapt.calibration import Range, float_tensors
from lineproof.adapt.quantize import named
from lineproof.errors import GateError

_LARGEST = float(np.finfo(np.float16).max)
_ROOM = 2.0  # a part on the line may excite a layer more than any training image did
_ALWAYS_FLOAT32 = {"Resize": (1, 2)}  # roi and scales, by the standard


def to_fp16(model: bytes, ranges: Mapping[str, Range]) -> bytes:
    """The same graph in float16 up to the last convolutions; what is computed from their maps stays float32.

    Maps leave as float16, decoded rows as float32: a box edge beyond 1024 px has no fraction in half precision.

    Raises:
        GateError: a weight does not fit, or a layer comes within a factor of two of the largest half.
    """
    hot = next((name for name, found in ranges.items() if found.magnitude * _ROOM > _LARGEST), None)
    if hot is not None:
        raise GateError(
            f"{hot} reaches {ranges[hot].magnitude:.0f}, too near to the largest fp16 number ({_LARGEST:.0f})",
            hint="export with --precision fp32",
        )
    source = named(model)
    anatomy = study(source)
    activations = {name for silu in anatomy.silus for name in (silu.sigmoid_node, silu.mul_node)}  # of the prototypes
    convolutions = {node.name for node in source.graph.node if node.op_type in CONVOLUTIONS}
    tail = set(anatomy.last) - convolutions - activations
    floats = set(float_tensors(source))
    halved = {name for node in source.graph.node if node.name not in tail for name in node.output if name in floats}
    _halve_weights(source.graph, tail)
    _turn_casts(source.graph, tail)
    _widen_for_tail(source.graph, tail, halved)
    for output in source.graph.output:
        if output.name in halved:
            output.type.tensor_type.elem_type = TensorProto.FLOAT16
    del source.graph.value_info[:]
    onnx.checker.check_model(source, full_check=True)
    data: bytes = source.SerializeToString()
    return data


def _halve_weights(graph: onnx.GraphProto, tail: set[str]) -> None:
    """Turn the float weights of every node outside the tail; a weight that both sides use is kept twice."""
    weights = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT}
    users = [(node, place) for node in graph.node for place, name in enumerate(node.input) if name in weights]
    as_float = {node.input[place] for node, place in users if _stays(node, place, tail)}
    as_half = {node.input[place] for node, place in users if not _stays(node, place, tail)}
    both = as_float & as_half
    for name in sorted(as_half):
        half = numpy_helper.from_array(_half(weights[name]), f"{name}:half" if name in both else name)
        if name in both:
            graph.initializer.append(half)
        else:
            weights[name].CopyFrom(half)
    for node, place in users:
        if node.input[place] in both and not _stays(node, place, tail):
            node.input[place] = f"{node.input[place]}:half"


def _half(tensor: onnx.TensorProto) -> NDArray[np.float16]:
    values = numpy_helper.to_array(tensor)
    if values.size and not float(np.abs(values).max()) <= _LARGEST:
        raise GateError(f"fp16: {tensor.name} does not fit into half precision", hint="export with --precision fp32")
    halves: NDArray[np.float16] = values.astype(np.float16)
    return halves


def _stays(node: onnx.NodeProto, place: int, tail: set[str]) -> bool:
    """Whether this input of a node remains float32."""
    return node.name in tail or place in _ALWAYS_FLOAT32.get(node.op_type, ())


def _turn_casts(graph: onnx.GraphProto, tail: set[str]) -> None:
    """What the nodes outside the tail cast to float becomes float16."""
    for node in graph.node:
        if node.op_type == "Cast" and node.name not in tail:
            for attribute in node.attribute:
                if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                    attribute.i = TensorProto.FLOAT16


def _widen_for_tail(graph: onnx.GraphProto, tail: set[str], halved: set[str]) -> None:
    """Cast what the tail takes from the rest back to float32; the nodes stay in order of computation."""
    nodes: list[onnx.NodeProto] = []
    wide: dict[str, str] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if node.name not in tail or name not in halved:
                continue
            if name not in wide:
                wide[name] = f"{name}:float"
                nodes.append(helper.make_node("Cast", [name], [wide[name]], name=f"{name}:widen", to=TensorProto.FLOAT))
            node.input[place] = wide[name]
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
