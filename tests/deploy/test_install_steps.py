"""What the images' build stages do, done here: in folders of this test, with the files they copy and no others."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dockerfile import copies, read

REPO = Path(__file__).resolve().parents[2]
CPU = "deploy/line/Dockerfile.cpu"
# What the runtime image may bring in, as seen from inside it.
LOOK = """
import importlib.util, json, pathlib, subprocess, sys
import cv2, onnxruntime, lineproof, lineproof.cli.main
gui = next(line for line in cv2.getBuildInformation().splitlines() if "GUI:" in line)
libraries = subprocess.run(["ldd", cv2.__file__.replace("__init__.py", "cv2.abi3.so")], capture_output=True, text=True, check=False)
package = pathlib.Path(lineproof.__file__).parent
print(json.dumps({
    "present": [name for name in ("torch", "ultralytics", "albumentations", "timm", "scipy", "matplotlib", "pip")
                if importlib.util.find_spec(name)],
    "gui": gui.split()[-1],
    "screen": [line for line in libraries.stdout.splitlines() if "libGL." in line or "libX11" in line],
    "missing": [line for line in libraries.stdout.splitlines() if "not found" in line],
    "package": str(package),
    "uncompiled": [str(path) for path in package.rglob("*.py")
                   if not list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))],
    "migrations": (package / "records/migrations/versions/v0001_inspection.py").is_file(),
}))
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Packages can be fetched, or these tests cannot be run."""
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    folder = tmp_path_factory.mktemp("probe")
    done = subprocess.run([*probe, "--retries", "0", "--dest", str(folder), "idna"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no package registry can be reached")


def build_steps(dockerfile: str) -> list[str]:
    return [item.rest for item in read(REPO / dockerfile) if item.stage == 0 and item.word == "RUN"]


def copied(dockerfile: str, folder: Path) -> Path:
    """A folder with what the build stage copies, and nothing else."""
    source = folder / "src"
    source.mkdir(parents=True)
    for names, target in copies([item for item in read(REPO / dockerfile) if item.stage == 0]):
        for name in names:
            if (REPO / name).is_dir():
                shutil.copytree(REPO / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(REPO / name, source / target)
    return source


def perform(step: str, root: Path, source: Path) -> str:
    """Run one step with `/opt` below `root`; returns what it said. Switches that only keep an image small are left out."""
    step = step.replace("/opt/", f"{root}/opt/").replace("--no-cache ", "").replace("--no-cache-dir ", "")
    clean = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    done = subprocess.run(["bash", "-euc", step], cwd=source, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{step}\n{done.stderr[-2000:]}"
    return done.stderr


@pytest.fixture(scope="module")
def cpu_image(registry, tmp_path_factory) -> Path:
    """Every step of the CPU image."""
    folder = tmp_path_factory.mktemp("cpu")
    source = copied(CPU, folder)
    for step in build_steps(CPU):
        perform(step, folder, source)
    return folder


def plan(dockerfile: str, cpu_image: Path, folder: Path, **arguments: str) -> str:
    """What the last step would install; the steps before it are those of the CPU image, and are not done again."""
    *before, last = build_steps(dockerfile)
    assert before == build_steps(CPU)[:-1]
    source = copied(dockerfile, folder)
    perform("python -m venv --without-pip /opt/lineproof", folder, source)
    (folder / "opt/uv").symlink_to(cpu_image / "opt/uv")
    last = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], last)
    return perform(last.replace("uv pip install", "uv pip install --dry-run"), folder, source)


def test_the_cpu_image(cpu_image, tmp_path):
    bin_folder = cpu_image / "opt/lineproof/bin"
    clean = {"PATH": f"{bin_folder}:/usr/bin:/bin", "PYTHONSAFEPATH": "1", "HOME": str(tmp_path)}
    version = subprocess.run(
        [bin_folder / "lineproof", "--version"], env=clean, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("lineproof ")
    look = subprocess.run(
        [bin_folder / "python", "-c", LOOK], env=clean, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    seen = json.loads(look.stdout)
    assert seen["package"].startswith(str(bin_folder.parent))
    assert seen["present"] == []
    assert seen["gui"] == "NONE"
    assert seen["screen"] == []
    assert seen["missing"] == []
    assert seen["uncompiled"] == []
    assert seen["migrations"]


def test_the_cuda_image_resolves(cpu_image, tmp_path):
    told = plan("deploy/line/Dockerfile.cuda", cpu_image, tmp_path)
    assert re.search(r"^ \+ onnxruntime-gpu==", told, re.MULTILINE)
    assert re.search(r"^ \+ nvidia-cudnn-cu13==9\.", told, re.MULTILINE)
    assert re.search(r"^ \+ nvidia-cublas==13\.", told, re.MULTILINE)
    assert not re.search(r"^ \+ (torch|ultralytics|onnxruntime|opencv-python)==", told, re.MULTILINE)


def test_the_training_image_resolves(cpu_image, tmp_path):
    told = plan("deploy/train/Dockerfile", cpu_image, tmp_path, RUNTIME="gpu")
    for package in ("torch", "ultralytics", "albumentations", "opencv-python-headless", "scipy"):
        assert re.search(rf"^ \+ {package}==", told, re.MULTILINE), package
    assert not re.search(r"^ \+ opencv-python==", told, re.MULTILINE)
