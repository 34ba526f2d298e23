"""A line with two cameras, the tiny bundle and real records, to be played against."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import yaml

from builders import detections
from lineproof.core import Sample
from lineproof.data.dataset import write_dataset
from lineproof.linefile import load_line
from lineproof.sim.live.plan import Plan, driven
from lineproof.sim.scenario import Scenario
from loopback import free_port
from tiny_bundle import CLASSES, PARTS, tiny_bundle

TOP = ("ok.png", "blue.png", "ok.png", "red and blue.png")  # in turn; the side is always good


def line_file(folder: Path, bundle: Path, **changes: object) -> Path:
    """Pictures in turn for ever, and a line file that keeps each of them."""
    for view, names in (("top", TOP), ("side", ("ok.png",))):
        (folder / view).mkdir(exist_ok=True)
        for number, name in enumerate(names):
            cv2.imwrite(str(folder / view / f"{view}-{number}.png"), PARTS[name])
    port = free_port()
    facts: dict[str, object] = {
        "name": "press",
        "bundle": str(bundle),
        "provider": "cpu",
        "stations": {"press": station()},
        "io": {"modbus": {"port": port, "stations": {"press": {"unit": 7, "input_offset": 100}}}},
        "records": {"folder": "records", "images": {"pass_every": 1}},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in (facts | changes).items() if v is not None}))
    return path


def station(**changes: object) -> dict[str, object]:
    """One of a line file; slow enough for a busy machine."""
    facts: dict[str, object] = {
        "trigger": "modbus",
        "deadline_ms": 700,
        "controller_timeout_ms": 600,
        "cameras": [
            {"kind": "folder", "path": "top", "name": "top-camera", "view": "top", "loop": True},
            {"kind": "folder", "path": "side", "name": "side-camera", "view": "side", "loop": True},
        ],
    }
    return facts | changes


def sealed(folder: Path) -> Path:
    """The tiny bundle."""
    tiny_bundle(folder / "bundle")
    return folder / "bundle"


def truth_of(folder: Path, *, bad: tuple[str, ...] = ("top-1.png", "top-3.png")) -> Path:
    """A dataset of the plant's pictures."""
    files = [path for view in ("top", "side") for path in sorted((folder / view).iterdir())]
    samples = [
        Sample(file, (64, 64), detections((0, 0, 9, 9, 1, 0)) if file.name in bad else detections(), file.name)
        for file in files
    ]
    write_dataset(folder / "data", CLASSES, samples, "test")
    return folder / "data"


def plan_of(path: Path, parts: int, *, pitch_ms: float = 100, **scenario: object) -> Plan:
    """A campaign against this line file."""
    settings = load_line(path)
    facts = {"name": "test", "timing": {"jitter": 0}} | scenario
    stations, _ = driven(settings.stations, "line.yaml")
    return Plan(stations, settings.io.modbus, Scenario.model_validate(facts), parts, pitch_ms, settings.line.restarts)


def command_of(path: Path) -> list[str]:
    """As the verb starts it."""
    return [sys.executable, "-m", "lineproof", "run", str(path), "--quiet", "--json"]
