"""A fitted classifier to ONNX: preprocessing, frozen network, classifier and calibration in one file, checked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
from onnx import numpy_helper

from lineproof.adapt.classify.classifier import Classifier
from lineproof.adapt.classify.graph import HeatGraph, ProbabilityGraph
from lineproof.adapt.export import Exported, check_export, to_onnx
from lineproof.adapt.features import Backbone


def export_classifier(backbone: Backbone, classifier: Classifier) -> Exported:
    """Input `image (N, imgsz, imgsz, 3)` uint8 BGR, letterboxed; N is the symbolic `batch`.

    Outputs `probabilities (N, C)` and, of a linear classifier, `heat (N, C, h, w)`. Neighbours and perceptrons have no
    heat: their scores are no sum over the image, and a map that is none would mislead.

    Raises:
        GateError: the file is not one the engine can rely on.
    """
    graph: HeatGraph | ProbabilityGraph
    if classifier.head == "linear":
        graph = HeatGraph(backbone.graph, classifier, backbone.imgsz)
    else:
        graph = ProbabilityGraph(backbone.graph, classifier)
    unfinished = Exported(
        b"",
        "classify",
        classifier.classes,
        (backbone.imgsz, backbone.imgsz),
        outputs="probabilities+heat" if classifier.head == "linear" else "probabilities",
        strides=(),
    )
    exported = replace(unfinished, onnx=_bounded(to_onnx(graph, unfinished)))
    check_export(exported)
    return exported


def _bounded(model: bytes) -> bytes:
    """The same graph with open ends of slices, written as INT64_MAX, as the largest number of 32 bits.

    Transformers slice their tokens so; TensorRT clamps whole numbers to 32 bits, and no axis is that long.
    """
    graph = onnx.load_from_string(model)
    ends = {node.input[2] for node in graph.graph.node if node.op_type == "Slice"}
    limit = np.iinfo(np.int32).max
    for tensor in graph.graph.initializer:
        if tensor.name in ends:
            bounded = np.minimum(numpy_helper.to_array(tensor), limit)
            tensor.CopyFrom(numpy_helper.from_array(bounded, tensor.name))
    data: bytes = graph.SerializeToString()
    return data
