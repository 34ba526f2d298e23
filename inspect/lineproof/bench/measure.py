"""One bundle on this machine: the frame, the field, a race per number of threads."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from pydantic import TypeAdapter

from lineproof.bench.contenders import STOCK, Subject, Threads, contenders
from lineproof.bench.machine import cores, machine, versions
from lineproof.bench.race import Race, RaceSettings, Silent, Watcher, run_race
from lineproof.bundle.manifest import Manifest
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.core import Image
from lineproof.core.decode import read_image
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError, InputError

FULL_HD = (1920, 1080)
TYPICAL_DETECTIONS = 12  # a busy part: suppression and masks must not come free, and hundreds would be no part at all
_EXPORT_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class BenchWish:
    """What to measure."""

    providers: tuple[str, ...] = ("cpu",)
    against: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()  # empty: one and all
    image: Path | None = None  # instead of one of the bundle's probes
    frame_wh: tuple[int, int] | None = None  # None: the image's own size, and FULL_HD for a probe
    run: Path | None = None  # the training run, for everything that starts from the stock export
    stock_wh: tuple[int, int] | None = None  # None: the bundle's input size
    spin: bool = False
    settings: RaceSettings = field(default_factory=RaceSettings)


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and everything needed to know what they are figures of."""

    subject: dict[str, object]
    frame: dict[str, object]
    races: tuple[Race, ...]
    settings: RaceSettings
    machine: dict[str, object] = field(default_factory=machine)
    versions: dict[str, str] = field(default_factory=versions)
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def measure(bundle_path: Path, wish: BenchWish, watcher: Watcher | None = None) -> Report:
    """Run every contender on one frame; raises InputError or BundleError for wrong input, never for a contender."""
    watcher = watcher or Silent()
    bundle = open_bundle(bundle_path)
    image, source = choose_frame(bundle, wish.image, wish.frame_wh)
    if wish.run is not None:
        check_same_task(wish.run, bundle.manifest)
    facts = machine()  # before the load is our own
    with tempfile.TemporaryDirectory(prefix="lineproof-bench-") as scratch:
        subject = _subject(bundle, image, wish, Path(scratch), watcher)
        fields = [
            (threads, contenders(subject, threads, wish.providers, wish.against, spin=wish.spin))
            for threads in thread_counts(wish.threads)
        ]
        watcher.expect(sum(len(field) for _, field in fields) * wish.settings.rounds)
        races = tuple(run_race(field, threads.count, wish.settings, watcher) for threads, field in fields)
    frame: dict[str, object] = {"wh": [image.shape[1], image.shape[0]], "from": source}
    return Report(_facts(bundle), frame, races, wish.settings, machine=facts)


def thread_counts(asked: Sequence[int]) -> list[Threads]:
    """One and all cores, or what was asked for; raises InputError for more than there are."""
    there = cores()
    counts = list(dict.fromkeys(asked or (1, there)))
    for count in counts:
        if not 1 <= count <= there:
            raise InputError(f"--threads {count}: this process may use {there} cores", hint=f"1 to {there}")
    return [Threads(count, all_cores=count == there) for count in counts]


def choose_frame(bundle: Bundle, image: Path | None, wh: tuple[int, int] | None) -> tuple[Image, str]:
    """The frame `(H, W, 3)` uint8 BGR and where it is from: the image, or the bundle's most typical probe.

    Raises:
        InputError: no image is named and the bundle has no probe.
        ImageError: the image cannot be read.
    """
    if image is not None:
        pixels = read_image(image)
        return (pixels if wh is None else resized(pixels, wh)), image.name
    if not bundle.probes:
        raise InputError(f"{bundle.path}: has no probe to make a frame of", hint="name one with --image FILE")
    # A plain grey sheet stands in for good parts that a dataset lacked; it is no frame of any line.
    probes = [probe for probe in bundle.probes if probe.image.min() < probe.image.max()] or bundle.probes
    engine = OnnxEngine.open(bundle, "cpu", threads=1)
    frame, index = typical_frame(engine, [probe.image for probe in probes], wh or FULL_HD)
    return frame, f"probe {probes[index].name}, side by side"


def typical_frame(engine: OnnxEngine, images: Sequence[Image], wh: tuple[int, int]) -> tuple[Image, int]:
    """The frame with the most typical number of detections, and which image it was made of."""
    frames = [side_by_side(image, wh) for image in images]
    distance = [abs(len(engine.detect(frame)[0]) - TYPICAL_DETECTIONS) for frame in frames]
    typical = distance.index(min(distance))
    return frames[typical], typical


def resized(image: Image, wh: tuple[int, int]) -> Image:
    """The image stretched to a size."""
    return np.asarray(cv2.resize(image, wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def side_by_side(image: Image, wh: tuple[int, int]) -> Image:
    """A frame of copies in the image's own proportions, each as high as the frame: stretched, nothing would be found."""
    width, height = wh
    copy = resized(image, (max(round(image.shape[1] * height / image.shape[0]), 1), height))
    return np.ascontiguousarray(np.tile(copy, (1, -(-width // copy.shape[1]), 1))[:, :width])


def check_same_task(run: Path, manifest: Manifest) -> None:
    """Raise InputError unless the run's network finds what the bundle finds, and has an export of ultralytics'."""
    if manifest.task == "classify":
        raise InputError("--run: a classifier has no stock export to race against", hint="leave out --run")
    try:
        record = json.loads((run / "run.json").read_bytes())
        task, classes = record["task"], tuple(record["classes"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{run}: no training run", hint="--run names the folder `lineproof train` wrote") from None
    if (task, classes) != (manifest.task, manifest.classes):
        raise InputError(
            f"{run}: is a run for {task} of {', '.join(classes)}, the bundle for {manifest.task} of "
            f"{', '.join(manifest.classes)}",
            hint="name the run the bundle was exported from",
        )


def export_stock(weights: Path, wh: tuple[int, int], out: Path) -> Path:
    """The ONNX export of ultralytics of a network; in a process of its own, as it takes a gigabyte and this one measures.

    Raises:
        EngineError: it could not be exported.
    """
    command = [*STOCK, "export", str(weights), f"{wh[0]}x{wh[1]}", str(out)]
    try:
        done = subprocess.run(  # noqa: S603 (our own module)
            command, capture_output=True, text=True, timeout=_EXPORT_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"the stock export took more than {_EXPORT_TIMEOUT_S:g} s") from None
    if done.returncode or not out.is_file():
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise EngineError(f"the stock export failed: {said[-1][:300]}", hint="leave out --run to go on without it")
    return out


def spec_json(spec: EngineSpec) -> str:
    """As a contender's process reads it."""
    return TypeAdapter(EngineSpec).dump_json(spec).decode()


def _subject(bundle: Bundle, image: Image, wish: BenchWish, scratch: Path, watcher: Watcher) -> Subject:
    manifest = bundle.manifest
    model, frame = scratch / "model.onnx", scratch / "frame.npy"
    model.write_bytes(bundle.model)
    np.save(frame, image)
    stock = weights = None
    if wish.run is not None:
        watcher.starting("stock export")
        weights = wish.run / "best.safetensors"
        stock = export_stock(weights, wish.stock_wh or manifest.input_wh, scratch / "stock.onnx")
    spec = spec_json(EngineSpec.of(manifest))
    return Subject(bundle.path, model, spec, manifest.task, frame, stock, wish.stock_wh, weights, manifest.precision)


def _facts(bundle: Bundle) -> dict[str, object]:
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "digest": bundle.digest,
        "task": manifest.task,
        "classes": len(manifest.classes),
        "input_wh": list(manifest.input_wh),
        "precision": manifest.precision,
    }
