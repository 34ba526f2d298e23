from __future__ import annotations

import importlib.util
import json

import pytest
from typer.testing import CliRunner

from fake_gpu import FakeSession, install
from lineproof.cli.bundle import app
from lineproof.errors import ProviderError
from tiny_bundle import tiny_bundle


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("LINEPROOF_CACHE", str(tmp_path / "cache"))
    tiny_bundle(tmp_path / "tiles")
    return tmp_path / "tiles"


def warm(bundle, *args: object) -> dict:
    done = CliRunner().invoke(app, ["warm", str(bundle), *map(str, args), "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def test_warm_compiles_now_so_that_the_line_only_loads(bundle, monkeypatch):
    install(monkeypatch)
    facts = warm(bundle)
    assert (facts["provider"], facts["cache"], facts["cache_next"]) == (
        "TensorrtExecutionProvider",
        "compiled",
        "loaded from the cache",
    )
    assert (facts["probes"], len(FakeSession.compiled)) == (3, 1)
    assert warm(bundle)["cache"] == "loaded from the cache"
    assert warm(bundle, "--max-batch", 4)["cache"] == "compiled"


def test_warm_says_when_there_is_nothing_to_compile(bundle, monkeypatch):
    install(monkeypatch)
    assert warm(bundle, "--provider", "cuda")["cache"] == "this provider compiles nothing ahead"


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")
def test_warm_for_openvino(bundle):
    facts = warm(bundle, "--provider", "openvino")
    assert (facts["cache"], facts["cache_next"], facts["probes"]) == ("compiled", "loaded from the cache", 3)
    assert facts["open_s"] > 0


def test_warm_without_the_hardware_is_one_line(bundle):
    with pytest.raises(ProviderError, match=r"tensorrt.*lineproof\[gpu\]"):
        warm(bundle)
