"""A classifier small enough to reason about: 64×64 input, and a heat map of sixteen cells of 16 px.

A class's evidence in a cell is its colour's mean there, from -1 (none) to 1 (all); its probability is the sigmoid of
`GAIN` times the evidence of the cell with the most, so 0.018 without that colour and 0.982 where one cell is full of it.
The letterbox's grey of 114 scores 0.4.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from lineproof.bundle import Bundle, ClassThreshold, InputSpec, Manifest, seal
from lineproof.bundle.probes import Probe
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from tiny_bundle import CELL, CLASSES, PARTS, SIZE, model_of

GAIN = 4.0


def tiny_classifier(
    *,
    gain: float = GAIN,
    heat: bool = True,
    names: tuple[str, str] = ("probabilities", "heat"),
    squash: str = "Sigmoid",
    classes: int = 2,
) -> bytes:
    """The ONNX file: class `blue` by the blue, `red` by the red; `gain` and `squash` can make its answers nonsense."""
    constants = {
        "wanted": np.array([0, 2, 1][:classes], np.int64),
        "half": np.array(127.5, np.float32),
        "gain": np.array(gain, np.float32),
        "cells": np.array([2, 3], np.int64),
    }
    cells = SIZE // CELL
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes_bgr"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes_bgr"], ["means"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Gather", ["means", "wanted"], ["by_class"], axis=1),
        helper.make_node("Sub", ["by_class", "half"], ["centred"]),
        helper.make_node("Div", ["centred", "half"], [names[1]]),
        helper.make_node("ReduceMax", [names[1]], ["most"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["most", "gain"], ["logits"]),
        helper.make_node(squash, ["logits"], [names[0]]),
    ]
    outputs = [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["batch", classes])]
    if heat:
        outputs.append(helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["batch", classes, cells, cells]))
    return model_of("tiny classifier", nodes, outputs, constants)


def classifier_spec(**changes: object) -> EngineSpec:
    """The engine's contract for the tiny classifier."""
    facts: dict[str, object] = {
        "task": "classify",
        "classes": CLASSES,
        "input_wh": (SIZE, SIZE),
        "outputs": "probabilities+heat",
        "strides": (),
        "score_floor": 0.05,
    }
    return EngineSpec(**{**facts, **changes})


def classifier_engine(provider: str = "cpu", **changes: object) -> OnnxEngine:
    """A running engine."""
    return OnnxEngine.from_model(tiny_classifier(), classifier_spec(**changes), provider, threads=1)


def classifier_manifest(**changes: object) -> Manifest:
    """The manifest of the tiny classifier; sure from 0.8, review from 0.6."""
    facts: dict[str, object] = {
        "name": "tiny classifier",
        "task": "classify",
        "classes": CLASSES,
        "input": InputSpec(width=SIZE, height=SIZE),
        "outputs": "probabilities+heat",
        "thresholds": {name: ClassThreshold(score=0.8, review_score=0.6) for name in CLASSES},
        "score_floor": 0.05,
    }
    return Manifest.model_validate({**facts, **changes})


def classifier_bundle(out: Path, *, heat: bool = True, **changes: object) -> Bundle:
    """A sealed bundle of the tiny classifier with three probes."""
    engine = classifier_engine()
    probes = tuple(Probe(name, image, engine.detect(image)[0]) for name, image in PARTS.items())
    form = "probabilities+heat" if heat else "probabilities"
    return seal(out, classifier_manifest(outputs=form, **changes), tiny_classifier(heat=heat), probes)
