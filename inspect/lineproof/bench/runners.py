"""What a job becomes inside its process: a call that can be timed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineproof.bench.child import Stages, Standing
from lineproof.bench.messages import Job, Ready
from lineproof.errors import ProviderError

if TYPE_CHECKING:
    import onnxruntime as ort

    from lineproof.core import Image
    from lineproof.engine.onnx_engine import OnnxEngine
    from lineproof.engine.sessions.session import Session
    from lineproof.engine.spec import EngineSpec


_CHAINS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
}


def build(job: Job) -> Standing:
    """The contender a job describes.

    Raises:
        ImportError: its package is not installed.
        LineproofError: the hardware is not there, or the model cannot be read.
    """
    match job.kind:
        case "bare":
            return _bare_openvino(job) if job.provider == "openvino" else _bare(job)
        case "engine":
            return _engine(job)
        case "openvino" | "opencv" | "plain":
            return _peer(job)
        case "ultralytics":
            raise ValueError("ultralytics runs in a module of its own")


def stand(engine: OnnxEngine, frame: Image, *, note: str = "") -> Standing:
    """A contender around an engine, warmed up on the frame itself."""
    detections, _ = engine.detect(frame)

    def call() -> Stages:
        _, times = engine.detect(frame)
        return {"preprocess": times.preprocess, "infer": times.infer, "postprocess": times.postprocess}

    return Standing(call, Ready(engine.provider, engine.precision, len(detections), note))


def read_frame(job: Job) -> Image:
    """The frame all contenders share."""
    frame: Image = np.load(job.frame)
    return frame


def _engine(job: Job) -> Standing:
    from lineproof.bundle.open import open_bundle
    from lineproof.engine.onnx_engine import OnnxEngine

    threads = None if job.all_cores else job.threads
    if job.spec:
        model = Path(job.model).read_bytes()
        engine = OnnxEngine.from_model(model, _spec(job), job.provider, threads, spin=job.spin)
    else:
        engine = OnnxEngine.open(open_bundle(Path(job.model)), job.provider, threads, spin=job.spin)
    other = f"computed in {engine.precision}" if engine.precision != job.precision else ""
    note = "; ".join(filter(None, (engine.fallback, other, "threads spin" if job.spin else "")))
    return stand(engine, read_frame(job), note=note)


def _peer(job: Job) -> Standing:
    """Another runtime between lineproof's own pre- and postprocessing."""
    import cv2

    from lineproof.bench import peers
    from lineproof.engine.onnx_engine import OnnxEngine
    from lineproof.engine.sessions.session import OpenSession

    spec, note = _spec(job), ""
    session: Session
    if job.kind == "openvino":
        session = peers.OpenVinoSession(Path(job.model), spec, 0 if job.all_cores else job.threads)
    elif job.kind == "plain":
        session, spec = peers.StockSession(peers.stock_ort(Path(job.model), ort_threads(job)), spec), peers.rows(spec)
        note = "stock export; infer holds the blob and the decoding of every box"
    else:
        session, spec, note = peers.open_opencv(Path(job.model), job.fallback_model, spec)
    engine = OnnxEngine(OpenSession(session), spec)
    if job.kind != "openvino":
        cv2.setNumThreads(job.threads)  # a resize on all threads, and for OpenCV's network everything
    return stand(engine, read_frame(job), note=note)


def _spec(job: Job) -> EngineSpec:
    from pydantic import TypeAdapter

    from lineproof.engine.spec import EngineSpec

    return TypeAdapter(EngineSpec).validate_json(job.spec)


def _bare(job: Job) -> Standing:
    """`session.run` on a ready input: onnxruntime as it comes, spinning threads included."""
    import onnxruntime as ort

    width, height = json.loads(job.spec)["input_wh"]
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = ort_threads(job)
    options.inter_op_num_threads = 1
    for name, size in (("batch", 1), ("height", height), ("width", width)):
        options.add_free_dimension_override_by_name(name, size)
    providers = _CHAINS[job.provider]
    if providers[0] not in ort.get_available_providers():
        raise ProviderError(f"{providers[0]} is not in this onnxruntime")
    if job.provider != "cpu":
        ort.preload_dlls()
    session = ort.InferenceSession(job.model, options, providers=providers, enable_fallback=0)
    source = session.get_inputs()[0]
    image = ready_input([size if isinstance(size, int) else 1 for size in source.shape], source.type)
    ready = Ready(session.get_providers()[0], job.precision)
    if job.provider != "cpu":
        return Standing(_on_device(session, source.name, image), ready)
    names = [value.name for value in session.get_outputs()]

    def call() -> Stages:
        session.run(names, {source.name: image})
        return {}

    return Standing(call, ready)


def _on_device(session: ort.InferenceSession, name: str, image: NDArray[np.generic]) -> Callable[[], Stages]:
    """The device's time alone: input and outputs stay in its memory."""
    import onnxruntime as ort

    binding = session.io_binding()
    binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(image, "cuda", 0))
    for value in session.get_outputs():
        binding.bind_output(value.name, "cuda", 0)

    def call() -> Stages:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return {}

    return call


def _bare_openvino(job: Job) -> Standing:
    from lineproof.bench.peers import OpenVinoRun

    run = OpenVinoRun(Path(job.model), 0 if job.all_cores else job.threads, job.precision)
    image = ready_input(run.input.shape, run.input.dtype)

    def call() -> Stages:
        run.infer(image)
        return {}

    return Standing(call, Ready("OpenVINO", job.precision))


def ort_threads(job: Job) -> int:
    """As onnxruntime wants it: 0 is one pinned thread per core."""
    return 0 if job.all_cores and job.threads > 1 else job.threads


def ready_input(shape: list[int] | tuple[int | None, ...], kind: str) -> NDArray[np.generic]:
    """Noise of a model's input shape and type: bytes, or floats between 0 and 1."""
    noise = np.random.default_rng(0).integers(0, 256, [size or 1 for size in shape], np.uint8)
    return (noise / 255).astype(np.float32) if "float" in kind else noise
