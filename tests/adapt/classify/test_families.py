"""Every family of backbones goes through export and parity, with random weights and a small image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from lineproof.adapt.classify import parity
from lineproof.adapt.classify.classifier import Classifier, fit_classifier
from lineproof.adapt.classify.export import export_classifier
from lineproof.adapt.classify.graph import HeatGraph
from lineproof.adapt.features import Backbone, open_backbone
from lineproof.core.threshold import Threshold
from lineproof.errors import ParityError

CLASSES = ("bright", "dark", "never")
THRESHOLDS = {name: Threshold(0.5, 0.3) for name in CLASSES}
FAMILIES = [
    ("yolov8n:random", 64),
    ("resnet18:random", 64),
    ("efficientnet_b0:random", 64),
    ("vit_tiny:random", 64),
    ("vit_xsmall_patch16_clip_224:random", 64),  # CLIP's image tower
    ("dinov2_small:random", 224),
]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve grey, bright and dark pictures."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    paths = []
    for index in range(12):
        low = (100, 200, 0)[index % 3]
        path = folder / f"{index:02d}.png"
        cv2.imwrite(str(path), rng.integers(low, low + 50, (40, 60, 3), dtype=np.uint8))
        paths.append(path)
    return paths


def fitted(backbone: Backbone, paths: list[Path], head: str = "linear") -> Classifier:
    features = backbone.pooled([cv2.imread(str(path)) for path in paths])
    kind = np.arange(len(paths)) % 3
    truth = np.stack([kind == 1, kind == 2, np.zeros(len(paths), bool)], 1)
    return fit_classifier(head, features, truth, np.array([path.name for path in paths]), CLASSES)


@pytest.mark.parametrize(("name", "imgsz"), FAMILIES)
def test_exported_graph_says_what_torch_and_scikit_learn_say(name, imgsz, paths):
    backbone = open_backbone(name, imgsz=imgsz, pooling="auto")
    classifier = fitted(backbone, paths)
    exported = export_classifier(backbone, classifier)
    report = parity.check_classifier_parity(exported, backbone, classifier, paths, THRESHOLDS, 0.01)
    assert (report.images, report.decision_flips) == (12, 0)
    assert report.max_score_difference < 1e-3
    shapes = {
        port.name: [axis.dim_param or axis.dim_value for axis in port.type.tensor_type.shape.dim]
        for port in onnx.load_from_string(exported.onnx).graph.output
    }
    assert shapes["probabilities"] == ["batch", 3]
    assert shapes["heat"][1] == 3
    assert shapes["heat"][2] == shapes["heat"][3]


@pytest.mark.parametrize("head", ["knn", "mlp"])
def test_other_heads_export_alike(head, paths):
    backbone = open_backbone("resnet18:random", imgsz=64, pooling="auto")
    classifier = fitted(backbone, paths, head)
    exported = export_classifier(backbone, classifier)
    assert exported.outputs == "probabilities"
    report = parity.check_classifier_parity(exported, backbone, classifier, paths, THRESHOLDS, 0.01)
    assert report.max_score_difference < 1e-3


@pytest.mark.parametrize("pooling", ["mean", "max", "mean+max"])
@pytest.mark.parametrize("name", ["yolov8n:random", "resnet18:random"])
def test_heat_adds_up_to_the_log_odds(name, pooling, paths):
    backbone = open_backbone(name, imgsz=64, pooling=pooling)
    classifier = fitted(backbone, paths)
    graph = HeatGraph(backbone.graph, classifier, 64).eval()
    with torch.inference_mode():
        image = torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
        probabilities, heat = graph(image)
        rest = [graph._evidence(i, cells) for i, cells in enumerate(backbone.graph(image).maps)]
        odds = graph.odds(backbone.graph(image).pooled)
    assert heat.shape == (2, 3, 4, 4)
    torch.testing.assert_close(heat.sum((2, 3)).sigmoid(), probabilities, atol=1e-5, rtol=1e-4)
    # What the cells add is all there is, but for the bias.
    torch.testing.assert_close(sum(rest).mean((2, 3)) + graph.odds.bias, odds, atol=1e-3, rtol=1e-3)


def test_token_alone_is_spread_evenly(paths):
    backbone = open_backbone("vit_tiny:random", imgsz=64, pooling="token")
    graph = HeatGraph(backbone.graph, fitted(backbone, paths), 64).eval()
    with torch.inference_mode():
        heat = graph(torch.randint(0, 255, (1, 64, 64, 3), dtype=torch.uint8))[1]
    assert heat.std((2, 3)).max() < 1e-5


def test_another_classifier_than_the_exported_one_is_caught(paths):
    backbone = open_backbone("resnet18:random", imgsz=64, pooling="auto")
    classifier = fitted(backbone, paths)
    exported = export_classifier(backbone, classifier)
    other = fitted(backbone, paths[::-1])  # bright and dark change places
    with pytest.raises(ParityError, match=r"\d\d\.png: the fitted classifier decides .* the engine"):
        parity.check_classifier_parity(exported, backbone, other, paths, THRESHOLDS, 0.01)
