from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from lineproof.bundle import open_bundle
from lineproof.cli.bundle import app
from lineproof.errors import BundleError
from tiny_bundle import tiny_bundle


@pytest.fixture
def bundle(tmp_path):
    tiny_bundle(tmp_path / "tiles")
    return tmp_path / "tiles"


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def test_verify_says_whole_and_gives_the_digest(bundle):
    digest = open_bundle(bundle).digest
    assert digest in run("verify", bundle).stdout
    facts = json.loads(run("verify", bundle, "--json").stdout)
    assert facts == {"bundle": str(bundle), "name": "tiny", "digest": digest, "files": 7, "whole": True}


def test_verify_can_replay_the_probes(bundle):
    facts = json.loads(run("verify", bundle, "--replay", "--provider", "cpu", "--json").stdout)
    assert (facts["probes"], facts["provider"], facts["fallback"]) == (3, "CPUExecutionProvider", "")
    assert "3 probes agree" in run("verify", bundle, "--replay").stdout


def test_a_changed_bundle_names_the_file(bundle):
    (bundle / "model.onnx").write_bytes((bundle / "model.onnx").read_bytes()[:-1] + b"!")
    with pytest.raises(BundleError, match=r"model\.onnx was changed after sealing"):
        run("verify", bundle)


def test_show_prints_the_operating_point(bundle):
    text = run("show", bundle).stdout
    assert "blue: sure from 0.8, review from 0.6" in text
    assert "64×64" in text
    facts = json.loads(run("show", bundle, "--json").stdout)
    assert facts["thresholds"]["red"] == {"score": 0.8, "review_score": 0.6}


def test_pack_writes_one_file_with_the_same_digest(bundle, tmp_path):
    out = tmp_path / "tiles.lpb"
    facts = json.loads(run("pack", bundle, "--out", out, "--json").stdout)
    assert facts["digest"] == open_bundle(out).digest == open_bundle(bundle).digest
