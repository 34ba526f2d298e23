"""Which precisions and providers run on this machine, and the model file of each."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import onnxruntime as ort

from lineproof.adapt.calibration import Range, activation_ranges, calibration_images
from lineproof.adapt.export import Exported
from lineproof.adapt.half import to_fp16
from lineproof.adapt.int8 import search_int8
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.reference import Reference
from lineproof.bundle.precisions import Precision
from lineproof.core import Sample
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.sessions.cores import quota, thread_count, usable_cores
from lineproof.errors import ProviderError

Asked = Precision | Literal["auto"]
Plan = dict[Precision, tuple[str, ...]]

GPU_PROVIDERS = ("cuda", "tensorrt")
_COMPUTE: Plan = {
    "fp32": ("cpu", "openvino", "cuda"),
    "fp16": GPU_PROVIDERS,
    "bf16": ("openvino",),
    "int8": ("cpu", "openvino"),
}
_RANKING_IMAGES = 8


def plan(asked: Asked, here: Sequence[str]) -> Plan:
    """The providers to measure by precision, given those installed; fp32 on the CPU is always the first.

    An fp16 file that is asked for where no GPU is stands in for itself on the CPU, which computes it in fp32.
    """
    wanted: list[Precision] = list(_COMPUTE) if asked == "auto" else [asked]
    chosen: Plan = {"fp32": ("cpu",)}
    for precision in wanted:
        chosen[precision] = tuple(name for name in _COMPUTE[precision] if name in here)
    if asked == "fp16" and not chosen["fp16"]:
        chosen["fp16"] = ("cpu",)
    return {precision: providers for precision, providers in chosen.items() if providers}


def providers_here() -> tuple[str, ...]:
    """What is installed; whether its hardware is there shows when a session is opened."""
    available = ort.get_available_providers()
    found = ["cpu"]
    if importlib.util.find_spec("openvino") is not None:
        found.append("openvino")
    if "CUDAExecutionProvider" in available:
        found.append("cuda")
    if "TensorrtExecutionProvider" in available:
        found.append("tensorrt")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An export that runs here."""

    exported: Exported
    provider: str
    engines: tuple[OnnxEngine, ...]  # at all threads, then at one where that is another thing
    threads: tuple[int, ...]  # of each engine


def open_candidates(reference: Reference, files: Files, asked: Asked, progress: TrainProgress) -> Iterator[Candidate]:
    """Everything of the plan whose session can be opened; what cannot is said and left out."""
    for precision, providers in plan(asked, providers_here()).items():
        for provider in providers:
            if precision == "fp16" and provider == "cpu":
                progress.say("no GPU here: the fp16 file is checked on the CPU, which computes it in fp32")
            try:
                yield _open(reference, files.at(precision, provider), provider)
            except ProviderError as error:
                progress.say(f"{precision} on {provider} is left out: {error.message}")


def _open(reference: Reference, exported: Exported, provider: str) -> Candidate:
    most = thread_count(None, usable_cores(), quota()) or 1
    counts = (most,) if provider in GPU_PROVIDERS or most == 1 else (most, 1)
    return Candidate(exported, provider, tuple(reference.engine(exported, provider, n) for n in counts), counts)


class Files:
    """The model of each precision, made when it is needed."""

    def __init__(self, reference: Reference, train: Sequence[Sample], progress: TrainProgress, max_flips: int) -> None:
        self.layouts: dict[str, str] = {}  # of the int8 models, in words, by provider
        self._reference = reference
        self._train = train
        self._progress = progress
        self._max_flips = max_flips
        self._known_ranges: Mapping[str, Range] = {}

    def at(self, precision: Precision, provider: str) -> Exported:
        """The export at a precision, laid out for a provider; bf16 is the fp32 file, computed in bf16."""
        fp32 = self._reference.exported
        if precision == "fp16":
            return replace(fp32, onnx=to_fp16(fp32.onnx, self._ranges()), precision=precision)
        if precision == "int8":
            return replace(fp32, onnx=self._int8(provider), precision=precision)
        return replace(fp32, precision=precision)

    def _int8(self, provider: str) -> bytes:
        reference = self._reference
        images = calibration_images(self._train, reference.spec, _RANKING_IMAGES)
        found = search_int8(
            reference.exported.onnx,
            self._ranges(),
            [image.copy() for image in images],
            lambda model: self._flips(model, provider),
            self._progress.say,
            silu_on_bytes_first=provider != "openvino",
            max_flips=self._max_flips,
        )
        self.layouts[provider] = found.layout.describe()
        return found.model

    def _flips(self, model: bytes, provider: str) -> int:
        reference = self._reference
        engine = reference.engine(replace(reference.exported, onnx=model, precision="int8"), provider)
        return len(reference.flipped(reference.found(engine)))

    def _ranges(self) -> Mapping[str, Range]:
        if not self._known_ranges:
            self._progress.say("calibrating on training images")
            images = calibration_images(self._train, self._reference.spec)
            self._known_ranges = activation_ranges(self._reference.exported.onnx, images)
        return self._known_ranges
