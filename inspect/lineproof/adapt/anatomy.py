"""Where things stand in an exported graph, told by its edges and not by its names."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import onnx

CONVOLUTIONS = ("Conv", "ConvTranspose")


@dataclass(frozen=True, slots=True)
class Silu:
    """`x · sigmoid(x)`: the two nodes, and the tensors before, between and after."""

    sigmoid_node: str
    mul_node: str
    before: str
    sigmoid: str
    after: str


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What the lower precisions must know of a graph; nodes and tensors by name."""

    stem: frozenset[str]  # the first two convolutions, their activations included
    last: frozenset[str]  # convolutions that no other follows, and all nodes after them
    last_maps: tuple[str, ...]  # outputs of those convolutions
    silus: tuple[Silu, ...]
    groups: dict[str, frozenset[str]]  # the network's blocks, stem and last ones left out


def study(model: onnx.ModelProto) -> Anatomy:
    """Read a graph whose nodes all have names."""
    nodes = list(model.graph.node)
    silus = _silus(nodes)
    activation = {s.before: {s.sigmoid_node, s.mul_node} for s in silus}
    depth = _depths(nodes)
    last = _last(nodes)
    stem: set[str] = set()
    for node in nodes:
        if node.op_type in CONVOLUTIONS and depth[node.name] <= _STEM:
            stem |= {node.name} | activation.get(node.output[0], set())
    maps = tuple(n.output[0] for n in nodes if n.name in last and n.op_type in CONVOLUTIONS)
    groups: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        if node.name not in stem | last:
            groups[_block(node.name)].add(node.name)
    with_weights = {n.name for n in nodes if n.op_type in CONVOLUTIONS}
    blocks = {name: frozenset(members) for name, members in groups.items() if members & with_weights}
    return Anatomy(frozenset(stem), last, maps, silus, blocks)


# Of all blocks the first two convolutions make most of the error of eight bits (on magnetic tile 9 changed decisions
# with them, 1–4 without), and in float they cost nothing: 34.5 ms with none, one or both of them (yolov8n, 640 px).
_STEM = 2


def _depths(nodes: list[onnx.NodeProto]) -> dict[str, int]:
    """For each node how many convolutions lead to it, itself included, on the longest way."""
    of_tensor: dict[str, int] = {}
    of_node: dict[str, int] = {}
    for node in nodes:  # ONNX keeps them in order of computation
        depth = max((of_tensor.get(name, 0) for name in node.input), default=0) + (node.op_type in CONVOLUTIONS)
        of_node[node.name] = depth
        of_tensor.update(dict.fromkeys(node.output, depth))
    return of_node


def _last(nodes: list[onnx.NodeProto]) -> frozenset[str]:
    """Nodes from which no (further) convolution can be reached."""
    leads_on: set[str] = set()  # tensors from which one can
    last = set()
    for node in reversed(nodes):
        if any(name in leads_on for name in node.output):
            leads_on.update(node.input)
        else:
            last.add(node.name)
            if node.op_type in CONVOLUTIONS:
                leads_on.update(node.input)
    return frozenset(last)


def _silus(nodes: list[onnx.NodeProto]) -> tuple[Silu, ...]:
    sigmoids = {node.output[0]: node for node in nodes if node.op_type == "Sigmoid"}
    found = []
    for node in nodes:
        if node.op_type != "Mul":
            continue
        for gate, value in (tuple(node.input), tuple(node.input)[::-1]):
            sigmoid = sigmoids.get(gate)
            if sigmoid is not None and sigmoid.input[0] == value:
                found.append(Silu(sigmoid.name, node.name, value, gate, node.output[0]))
                break
    return tuple(found)


def _block(name: str) -> str:
    """`/body.4/m.0/cv1/conv/Conv` belongs to `body.4`."""
    return next((part for part in name.split("/") if "." in part), name)
