"""`lineproof export BUNDLE --triton DIR`: what the verb says about it."""

from __future__ import annotations

import json

import pytest

from bundle.test_triton import sealed
from lineproof.cli.triton import triton_repository
from lineproof.errors import BundleError


def test_it_says_what_it_wrote_and_how_to_start_it(tmp_path):
    bundle = sealed(tmp_path / "bundle")
    _, text = triton_repository(tmp_path / "bundle", tmp_path / "models")
    assert f"digest {bundle.digest}" in text
    assert "batches up to 8" in text
    assert f"tritonserver --model-repository={tmp_path / 'models'}" in text
    assert "note:" not in text


def test_it_says_when_the_outputs_suit_a_cpu_better(tmp_path):
    sealed(tmp_path / "bundle", outputs="maps")
    assert "--outputs rows" in triton_repository(tmp_path / "bundle", tmp_path / "models")[1]


def test_the_machine_readable_answer_names_every_tensor(tmp_path):
    sealed(tmp_path / "bundle")
    facts, _ = triton_repository(tmp_path / "bundle", tmp_path / "models", max_batch=4, tensorrt=True)
    told = json.loads(json.dumps(facts))["triton"]
    assert told["max_batch"] == 4
    assert told["model_name"] == "tiles-3-S-d"
    assert told["ports"]["inputs"] == [{"name": "image", "dtype": "uint8", "shape": [None, 64, 64, 3]}]
    assert "KIND_GPU" in (tmp_path / "models" / "tiles-3-S-d" / "config.pbtxt").read_text()


def test_a_changed_bundle_is_not_handed_on(tmp_path):
    sealed(tmp_path / "bundle")
    with (tmp_path / "bundle" / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="changed after sealing"):
        triton_repository(tmp_path / "bundle", tmp_path / "models")
    assert not (tmp_path / "models").exists()
