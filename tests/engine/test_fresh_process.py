"""The line PC never loads training code: a fresh process opens a bundle, inspects a frame and looks at itself."""

from __future__ import annotations

import json
import subprocess
import sys

from tiny_bundle import PARTS, tiny_bundle

FORBIDDEN = ("torch", "torchvision", "ultralytics", "albumentations", "timm", "scipy", "matplotlib", "onnx", "pandas")

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


def test_a_line_process_holds_no_training_code(tmp_path):
    tiny_bundle(tmp_path / "b", "segment")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "b")], capture_output=True, text=True, check=True, timeout=120
    )
    seen = json.loads(run.stdout)
    assert len(seen["decisions"]) == len(PARTS)
    assert seen["decisions"] == ["PASS", "FAIL", "FAIL"]
    assert set(FORBIDDEN) & set(seen["modules"]) == set()
