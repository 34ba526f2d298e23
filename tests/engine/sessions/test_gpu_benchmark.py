"""The script of the GPU machine, run here as far as fakes carry it: it must work there at the first try."""

from __future__ import annotations

import json
import runpy
import sys

import onnxruntime as ort
import pytest

from fake_gpu import CUDA, FakeSession, install
from lineproof.engine.sessions import gpu_opening
from tiny_bundle import tiny_bundle


def run_script(repo, monkeypatch, *args: object) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, args)])
    monkeypatch.syspath_prepend(repo / "tests/benchmarks")
    runpy.run_path(str(repo / "tests/benchmarks/gpu.py"), run_name="__main__")


@pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="this onnxruntime has CUDA")
def test_without_a_gpu_it_exits_with_2_and_one_line(repo, monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        run_script(repo, monkeypatch, "nowhere")
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[0].startswith("no GPU here: this onnxruntime")


def test_every_setup_has_a_row(repo, monkeypatch, tmp_path):
    tiny_bundle(tmp_path / "tiles")
    install(monkeypatch)
    monkeypatch.setenv("LINEPROOF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gpu_opening, "_tensorrt_version", lambda: "101304")
    out = tmp_path / "new" / "gpu.json"
    run_script(repo, monkeypatch, tmp_path / "tiles", "--rounds", 3, "--batches", "1,2", "--rows-only", "--out", out)
    (bundle,) = json.loads(out.read_text())["bundles"]
    rows = bundle["rows"]
    assert len(rows) == 2 * 2 * 3
    assert [entry for entry in rows if "error" in entry] == []
    assert all(entry["parity"]["decision_flips"] == 0 for entry in rows)
    assert all(entry["ratio_p50"] > 0 for entry in rows)
    assert {entry["runs"] for entry in rows} == {CUDA, "TensorrtExecutionProvider"}
    assert all(set(entry["stages_ms"]) == {"preprocess", "infer", "postprocess"} for entry in rows)
    assert FakeSession.graph_ids
