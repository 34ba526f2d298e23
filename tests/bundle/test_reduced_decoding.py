"""What a manifest says about JPEGs decoded smaller, and bundles sealed before it said anything."""

from __future__ import annotations

import json

import pytest

from lineproof.bundle import InputSpec, open_bundle, seal
from lineproof.bundle.describe import describe
from lineproof.bundle.manifest import Manifest, parse_manifest
from lineproof.bundle.reduced_decoding import ReducedDecoding
from tiny_bundle import SIZE, tiny_bundle, tiny_manifest, tiny_model


def row(reduction: int = 2, **changes: object) -> ReducedDecoding:
    facts = {"reduction": reduction, "images": 40, "decision_flips": 0, "allowed": True}
    return ReducedDecoding.model_validate({**facts, **changes})


def test_what_was_measured_comes_back(tmp_path):
    rows = (row(2, map50_full=0.9, map50_reduced=0.89), row(4, decision_flips=3, allowed=False), row(8))
    seal(tmp_path / "b", tiny_manifest(reduced_decoding=rows), tiny_model())
    bundle = open_bundle(tmp_path / "b")
    assert bundle.manifest.reduced_decoding == rows
    assert bundle.manifest.reductions == (2, 8)
    assert "decoding     JPEGs may be decoded at 1/2, 1/8" in describe(bundle)


def test_a_bundle_sealed_before_never_reduces(tmp_path):
    content = json.loads(tiny_bundle(tmp_path / "b").manifest.to_json())
    del content["reduced_decoding"]
    manifest = parse_manifest(json.dumps(content).encode(), "b")
    assert (manifest.reduced_decoding, manifest.reductions) == ((), ())
    assert "decoding" not in describe(open_bundle(tmp_path / "b"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"images": 29}, "allowed after 29 images, 30 are needed"),
        ({"reduction": 3}, "reduction"),
        ({"decision_flips": -1}, "decision_flips"),
        ({"colour": "pink"}, "colour"),
    ],
)
def test_a_record_that_proves_nothing_cannot_be_made(changes, says):
    with pytest.raises(ValueError, match=says):
        row(**changes)


def test_too_few_images_may_be_told_but_not_allowed():
    assert row(images=29, allowed=False).images == 29


@pytest.mark.parametrize(
    ("task", "changes"),
    [("segment", {}), ("detect", {"input": InputSpec(width=SIZE, height=SIZE, dynamic=True), "outputs": "maps"})],
)
def test_masks_and_dynamic_inputs_are_never_reduced(task, changes):
    with pytest.raises(ValueError, match="only for boxes, and an input of fixed size"):
        tiny_manifest(task, reduced_decoding=(row(),), **changes)
    kept: Manifest = tiny_manifest(task, reduced_decoding=(row(allowed=False),), **changes)
    assert kept.reductions == ()
