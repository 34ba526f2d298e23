"""The line PC loads what it needs and no more: fresh processes open a bundle, inspect frames and look at themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tiny_bundle import PARTS, tiny_bundle

TRAINING = ("torch", "torchvision", "ultralytics", "albumentations", "timm", "scipy", "matplotlib", "onnx", "pandas")
SERVICE = ("fastapi", "starlette", "uvicorn", "prometheus_client")
DATABASE = ("sqlalchemy", "alembic")
WORDS = ("rich", "typer", "yaml")  # what a person reads and writes

SCRIPT = """
import json, sys
from pathlib import Path
from lineproof.bundle import open_bundle
from lineproof.core import Frame, Provenance
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from lineproof.inspector import Inspector
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

bundle = open_bundle(Path(sys.argv[1]))
engine = OnnxEngine.open(bundle, "cpu", threads=1)
replay_probes(engine, bundle)
manifest = bundle.manifest
limits = compile_limits(Rules(), manifest.classes, manifest.operating_point, manifest.score_floor)
about = Provenance(manifest.name, bundle.digest, "", engine.provider, engine.input_wh)
inspector = Inspector(engine, limits, about)
decisions = [inspector.inspect(Frame(p.image, p.name, "probe")).decision for p in bundle.probes]
print(json.dumps({"decisions": decisions, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


VERB = """
import json, sys
from lineproof.cli.main import main

try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(json.dumps({"code": code, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def fresh(script: str, *args: str) -> dict:
    run = subprocess.run(
        [sys.executable, "-c", script, *args], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A bundle, two parts and a line file that records nothing."""
    site = tmp_path_factory.mktemp("site")
    tiny_bundle(site / "b", "segment")
    (site / "parts").mkdir()
    for name in ("ok.png", "blue.png"):
        cv2.imwrite(str(site / "parts" / name), PARTS[name])
    (site / "line.yaml").write_text("name: press\nbundle: b\nsource: {kind: folder, path: parts}\n")
    return site


def test_a_line_process_holds_no_training_code(site):
    seen = fresh(SCRIPT, str(site / "b"))
    assert len(seen["decisions"]) == len(PARTS)
    assert seen["decisions"] == ["PASS", "FAIL", "FAIL"]
    assert {*TRAINING, *SERVICE, *DATABASE, *WORDS} & set(seen["modules"]) == set()


def test_inspecting_images_brings_no_service_and_no_database(site):
    seen = fresh(VERB, "inspect", str(site / "b"), str(site / "parts"))
    assert seen["code"] == 0
    assert {*TRAINING, *SERVICE, *DATABASE, "yaml"} & set(seen["modules"]) == set()


def test_a_line_without_records_brings_no_database(site):
    seen = fresh(VERB, "run", str(site / "line.yaml"), "--quiet")
    assert seen["code"] == 0
    assert {*TRAINING, *SERVICE, *DATABASE} & set(seen["modules"]) == set()
