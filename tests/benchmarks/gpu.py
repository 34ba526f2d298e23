"""An NVIDIA GPU: end to end against device-only time, parity with the CPU, and what a failing GPU does to the line.

python tests/benchmarks/gpu.py BUNDLE [BUNDLE …] [--data DATA] [--rounds 200] [--batches 1,2,4,8,16]
    [--option prefer_nhwc=1] [--out results/gpu_DATE.json]

CUDA and TensorRT (where it is installed), the bundle's own precision and fp16, recorded runs (CUDA graphs) on and off.
`--data` adds decisions and mAP of every validation image on the GPU beside the CPU, `--option` changes an option of the
CUDA provider, to compare. Exits with 2 and one line where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from gpu_faults import faults

from lineproof.bench.machine import machine
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.bundle.probes import decide
from lineproof.cli.assemble import bundle_limits
from lineproof.core import Image
from lineproof.data.dataset import open_dataset
from lineproof.data.subset import samples_of
from lineproof.engine.contract import INPUT
from lineproof.engine.graph_check import check_graph
from lineproof.engine.head import head_of
from lineproof.engine.onnx_engine import RESIZE_THREADS, OnnxEngine
from lineproof.engine.pairing import pair_detections
from lineproof.engine.providers import open_session
from lineproof.engine.sessions import gpu_opening, gpu_options
from lineproof.engine.sessions.engine_cache import EngineCache
from lineproof.engine.sessions.gpu_options import EngineFolders
from lineproof.engine.sessions.gpu_wheel import CHAINS
from lineproof.engine.sessions.session import SessionWish
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError, LineproofError, ProviderError
from lineproof.proof.evaluate import Evaluation, detect_all, evaluate
from lineproof.rules.tolerance import Rules

FRAME_WH = (1920, 1080)
AIM = 1.15  # end to end over device-only


@dataclass(frozen=True)
class Setup:
    """One way to run a bundle."""

    provider: str
    precision: str
    cuda_graph: bool
    max_batch: int

    @property
    def name(self) -> str:
        """In the words of the table."""
        recorded = "recorded" if self.cuda_graph else "launched"
        return f"{self.provider} {self.precision} {recorded} batch {self.max_batch}"


def main() -> None:
    """Measure every bundle in every way, print a table and keep the JSON."""
    asked = arguments()
    with_options(dict(asked.option))
    try:
        gpu = find_gpu()
    except LineproofError as error:
        sys.stderr.write(f"no GPU here: {error}\n")
        raise SystemExit(2) from None
    result: dict[str, object] = {
        "what": "GPU: end to end from a 1080p frame over device-only time, p50 and p99 in ms",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "gpu": gpu,
        "rounds": asked.rounds,
        "aim": AIM,
        "cuda_options": dict(asked.option),
        "bundles": [measure_bundle(path, asked) for path in asked.bundles],
        "faults": [] if asked.rows_only else faults(asked.bundles[0]),
    }
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(text + "\n")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument(
        "--batches", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 4, 8, 16]
    )
    parser.add_argument("--data", type=Path, help="a dataset of the bundles' classes")
    parser.add_argument("--option", action="append", default=[], type=lambda text: tuple(text.split("=", 1)))
    parser.add_argument("--rows-only", action="store_true", help="no faults, no suppression inside the graph")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def with_options(changes: dict[str, str]) -> None:
    """Change options of the CUDA provider in this process."""
    usual = gpu_options.cuda_options
    gpu_options.cuda_options = lambda wish: usual(wish) | changes


def find_gpu() -> dict[str, str]:
    """Name, driver and versions; raises ProviderError without a GPU or without onnxruntime's GPU wheel."""
    if CHAINS["cuda"][0] not in ort.get_available_providers():
        raise ProviderError(f"this onnxruntime ({ort.__version__}) has no CUDA", hint="pip install 'lineproof[gpu]'")
    found = gpu_opening.find_gpu(0)
    return {
        "name": found.name,
        "compute_capability": found.compute_capability,
        "driver": found.driver,
        "onnxruntime": ort.__version__,
        "cuda": ort.cuda_version,
    }


def measure_bundle(path: Path, asked: argparse.Namespace) -> dict[str, object]:
    """Every setup of one bundle; one that cannot be built says why in its row."""
    bundle = open_bundle(path)
    spec = EngineSpec.of(bundle.manifest)
    check_graph(bundle.model)
    reference = OnnxEngine.open(bundle, "cpu")
    cv2.setNumThreads(RESIZE_THREADS)
    rows = []
    for setup in setups(spec, asked.batches):
        sys.stderr.write(f"{bundle.manifest.name}: {setup.name}\n")
        try:
            rows.append(row(bundle, spec, setup, reference, asked.rounds))
        except EngineError as error:
            rows.append({"setup": setup.name, "error": str(error)})
        sys.stderr.write(f"  {brief(rows[-1])}\n")
    return {
        "bundle": bundle.manifest.name,
        "digest": bundle.digest,
        "task": spec.task,
        "input_wh": spec.input_wh,
        "outputs": spec.outputs,
        "rows": rows,
        "graph_nms": None if asked.rows_only or not takes_nms(spec) else graph_nms(bundle, spec),
        "validation": validation(bundle, spec, reference, asked.data) if asked.data else None,
    }


def setups(spec: EngineSpec, batches: list[int]) -> Iterator[Setup]:
    """CUDA in the bundle's precision; TensorRT also in fp16, which it makes of an fp32 file itself."""
    available = ort.get_available_providers()
    for batch in batches:
        for recorded in (True, False):
            yield Setup("cuda", spec.precision, recorded, batch)
            if CHAINS["tensorrt"][0] in available:
                for precision in dict.fromkeys((spec.precision, "fp16")):
                    yield Setup("tensorrt", precision, recorded, batch)


def build(bundle: Bundle, spec: EngineSpec, setup: Setup, *, gpu_memory_mib: int | None = None) -> OnnxEngine:
    """An engine of exactly this setup."""
    width, height = spec.input_wh
    wish = SessionWish(
        setup.provider,
        spec.output_names,
        precision=setup.precision,
        max_batch=setup.max_batch,
        dynamic=spec.dynamic,
        input_hwc=(height, width, spec.channels),
        cache=EngineCache(bundle.digest),
        cuda_graph=setup.cuda_graph,
        gpu_memory_mib=gpu_memory_mib,
    )
    return OnnxEngine(open_session(bundle.model, wish), replace(spec, precision=setup.precision))


def row(bundle: Bundle, spec: EngineSpec, setup: Setup, reference: OnnxEngine, rounds: int) -> dict[str, object]:
    """Start, times and parity of one setup."""
    started = time.perf_counter()
    engine = build(bundle, spec, setup)
    engine.warm_up()
    start_s = time.perf_counter() - started
    frames = [cv2.resize(probe.image, FRAME_WH) for probe in bundle.probes[: setup.max_batch]]
    frames = [frames[n % len(frames)] for n in range(setup.max_batch)]
    whole = times(lambda: engine.detect_many(frames), rounds)
    device = times(device_run(engine, spec, setup.max_batch), rounds)
    return {
        "setup": setup.name,
        "runs": engine.provider,
        "precision": engine.precision,
        "fallback": engine.fallback,
        "cache": engine.cache_note,
        "start_s": round(start_s, 3),
        "end_to_end_ms": whole,
        "device_ms": device,
        "stages_ms": stages(engine, frames),
        "ratio_p50": round(whole["p50"] / device["p50"], 3),
        "ratio_p99": round(whole["p99"] / device["p99"], 3),
        "images_per_s": round(1e3 * setup.max_batch / whole["p50"], 1),
        "parity": parity(bundle, engine, reference),
    }


def stages(engine: OnnxEngine, frames: list[Image]) -> dict[str, float]:
    """Medians of letterbox, run with its copies, and decoding."""
    found = [engine.detect_many(frames)[0][1] for _ in range(100)]
    names = ("preprocess", "infer", "postprocess")
    return {name: round(float(np.median([getattr(times, name) for times in found])), 4) for name in names}


def device_run(engine: OnnxEngine, spec: EngineSpec, batch: int) -> Callable[[], None]:
    """The bare run on buffers that lie on the device: no copy, no letterbox, no decoding."""
    session: Any = engine._session
    width, height = spec.input_wh
    shape = (batch, height, width, spec.channels)
    session.run(np.zeros(shape, np.uint8))
    buffers, bare = session._buffers[shape], session._session
    return lambda: bare.run_with_iobinding(buffers.binding, buffers.options)


def times(call: Callable[[], object], rounds: int) -> dict[str, float]:
    """Minimum, median and 99th percentile of one call in ms, after ten that do not count."""
    for _ in range(10):
        call()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - started))
    return {
        "min": round(min(taken), 4),
        "p50": round(float(np.percentile(taken, 50)), 4),
        "p99": round(float(np.percentile(taken, 99)), 4),
    }


def parity(bundle: Bundle, engine: OnnxEngine, reference: OnnxEngine) -> dict[str, object]:
    """Every probe on the GPU beside the same on the CPU, at the bundle's own thresholds."""
    limits, classes = bundle.manifest.operating_point, bundle.manifest.classes
    flips, alone, score_difference = 0, 0, 0.0
    for probe in bundle.probes:
        here, there = engine.detect(probe.image)[0], reference.detect(probe.image)[0]
        pairs = pair_detections(there, here, min_iou=0.5)
        flips += decide(here, limits, classes) != decide(there, limits, classes)
        alone += len(here) + len(there) - 2 * len(pairs)
        score_difference = max(
            [score_difference, *(abs(float(there.score[a]) - float(here.score[b])) for a, b in pairs)]
        )
    return {
        "probes": len(bundle.probes),
        "decision_flips": flips,
        "unmatched": alone,
        "max_score_difference": round(score_difference, 6),
    }


def validation(bundle: Bundle, spec: EngineSpec, reference: OnnxEngine, data: Path) -> dict[str, object]:
    """Every validation image on the GPU and on the CPU: decisions that differ, and mAP of both."""
    samples = samples_of(open_dataset(data), "val")
    limits = bundle_limits(bundle, Rules())
    engine = build(bundle, spec, Setup("cuda", spec.precision, cuda_graph=True, max_batch=1))
    here, there = (
        evaluate(samples, detect_all(one, samples), bundle.manifest.classes, limits) for one in (engine, reference)
    )
    return {
        "images": len(samples),
        "decision_flips": sum(a != b for a, b in zip(here.decisions, there.decisions, strict=True)),
        "gpu": figures(here),
        "cpu": figures(there),
    }


def figures(of: Evaluation) -> dict[str, float]:
    """mAP of boxes and, for segmentation, masks."""
    pairs = {"boxes": of.boxes, "masks": of.masks}
    return {
        f"{name}_{key}": round(value, 4)
        for name, ap in pairs.items()
        if ap
        for key, value in (("mAP50", ap.ap50), ("mAP50_95", ap.ap50_95))
    }


def takes_nms(spec: EngineSpec) -> bool:
    """Whether suppression could stand in its graph."""
    return spec.outputs == "rows" and spec.task == "detect"


def graph_nms(bundle: Bundle, spec: EngineSpec) -> dict[str, object]:
    """Suppression as a node of the graph beside suppression on the host: what each adds to a launched run, in ms."""
    model = onnx.load_from_string(bundle.model)
    limits = {
        "most": np.array([300], np.int64),
        "iou": np.array([spec.nms_iou], np.float32),
        "floor": np.array([spec.score_floor], np.float32),
    }
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in limits.items())
    node = onnx.helper.make_node
    model.graph.node.extend(
        [
            node("Transpose", ["scores"], ["by_class"], perm=[0, 2, 1]),
            node("NonMaxSuppression", ["boxes", "by_class", *limits], ["kept"]),
        ]
    )
    model.graph.output.append(onnx.helper.make_tensor_value_info("kept", onnx.TensorProto.INT64, [None, 3]))
    setup = Setup("cuda", spec.precision, cuda_graph=False, max_batch=1)
    engine = build(bundle, spec, setup)
    image = np.ascontiguousarray(engine._letterbox().fill(cv2.resize(bundle.probes[0].image, FRAME_WH))[0])
    outputs = engine._run(image)
    candidates = head_of(outputs, spec, 0).candidates()
    wish = SessionWish("cuda", spec.output_names, precision=spec.precision, cuda_graph=False)
    options = gpu_options.common_options(wish)  # its small constants lie on the host: not strict
    inside = ort.InferenceSession(
        model.SerializeToString(), options, providers=gpu_options.providers(wish, EngineFolders())
    )
    binding = inside.io_binding()
    binding.bind_ortvalue_input(INPUT, ort.OrtValue.ortvalue_from_numpy(image, "cuda", 0))
    for port in inside.get_outputs():
        binding.bind_output(port.name, "cuda", 0)
    return {
        "candidates": len(candidates),
        "run": times(device_run(engine, spec, 1), 200),
        "run_with_nms_inside": times(lambda: inside.run_with_iobinding(binding), 200),
        "nms_on_the_host": times(lambda: engine._kept(candidates), 200),
    }


def brief(made: dict[str, object]) -> str:
    """One line of progress."""
    if "error" in made:
        return str(made["error"])
    return f"{made['end_to_end_ms']} over {made['device_ms']}: {made['ratio_p50']}, parity {made['parity']}"


if __name__ == "__main__":
    main()
