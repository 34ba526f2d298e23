"""Who can race: bare sessions, lineproof through each provider, and the peers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lineproof.bench.messages import Job, Kind
from lineproof.bench.process import module_command

Role = Literal["floor", "lineproof", "peer"]

OURS = module_command("lineproof.bench.child")
STOCK = module_command("lineproof.adapt.stock_peer")  # by name: nothing outside adapt imports torch or ultralytics

PEERS = ("ultralytics", "ultralytics-torch", "plain", "openvino", "opencv")
_NEED_RUN = ("ultralytics", "ultralytics-torch", "plain")
GPU_PROVIDERS = ("cuda", "tensorrt")

OWN_FLOOR = "bare run, this model"
STOCK_FLOOR = "bare run, stock export"


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table: how to start it, and which floor it is counted against."""

    name: str
    role: Role
    command: tuple[str, ...]
    job: Job
    floor: str = ""
    note: str = ""
    not_run: str = ""  # why it will not be started


@dataclass(frozen=True, slots=True)
class Subject:
    """What a race is about: a model with its contract, one frame, and the stock export where a run gave one."""

    bundle: Path | None  # opened by lineproof itself; None: `model` with `spec`
    model: Path  # the bare ONNX file
    spec: str  # EngineSpec as JSON
    task: str
    frame: Path  # .npy
    stock: Path | None = None  # ultralytics' own ONNX export of the same network
    stock_wh: tuple[int, int] | None = None  # its input; None: as the model's
    weights: Path | None = None  # the network, for ultralytics on torch
    precision: str = "fp32"

    @property
    def floor(self) -> str:
        """The denominator: the stock export where there is one, else the bundle's own model."""
        return STOCK_FLOOR if self.stock else OWN_FLOOR


@dataclass(frozen=True, slots=True)
class Threads:
    """How many, and whether these are all the process has."""

    count: int
    all_cores: bool


def contenders(
    subject: Subject, threads: Threads, providers: tuple[str, ...], against: tuple[str, ...], *, spin: bool
) -> list[Contender]:
    """The whole field, floors first."""
    field = floors(subject, threads, providers)
    field += [lineproof(subject, threads, provider, spin=spin) for provider in providers]
    for name in against:
        field += peers(subject, threads, name)
    return field


def floors(subject: Subject, threads: Threads, providers: tuple[str, ...] = ()) -> list[Contender]:
    """Bare runs on a ready input: the stock export if there is one, the bundle's own model, and each GPU asked for."""
    own = _job(subject, threads, "bare")
    if subject.precision == "bf16":
        own = replace(own, precision="fp32")  # the same file on onnxruntime's CPU, which computes it in fp32
    found = [Contender(OWN_FLOOR, "floor", OURS, own, subject.floor)]
    if subject.stock:
        stock = replace(own, model=str(subject.stock))
        found.insert(0, Contender(STOCK_FLOOR, "floor", OURS, stock, STOCK_FLOOR))
    for provider in providers:
        if provider in GPU_PROVIDERS:
            on_device = replace(own, provider=provider)
            found.append(Contender(f"bare run, {provider}", "floor", OURS, on_device, f"bare run, {provider}"))
    return found


def lineproof(subject: Subject, threads: Threads, provider: str, *, spin: bool = False) -> Contender:
    """From the frame to detections in its pixels, through the engine of the line."""
    job = replace(_job(subject, threads, "engine"), provider=provider, spin=spin)
    if subject.bundle is not None:
        job = replace(job, model=str(subject.bundle), spec="")
    floor = f"bare run, {provider}" if provider in GPU_PROVIDERS else subject.floor
    return Contender(f"lineproof, {provider}", "lineproof", OURS, job, floor)


def peers(subject: Subject, threads: Threads, name: str) -> list[Contender]:
    """The rows of one peer: ultralytics has a second one for masks at frame resolution."""
    job = _job(subject, threads, _KINDS[name])
    command = STOCK if name.startswith("ultralytics") else OURS
    peer = Contender(name, "peer", command, job, subject.floor)
    if name in _NEED_RUN:
        peer = _with_stock(peer, subject)
    if subject.precision != "fp32" and name in ("openvino", "opencv"):
        peer = replace(peer, not_run=f"this bundle's model is {subject.precision}; this row is for fp32")
    if not name.startswith("ultralytics"):
        return [peer]
    notes = ["keeps one class of a box"]
    if json.loads(subject.spec).get("tiles"):
        notes.append("sees the whole frame at once, no tiles")
    if name == "ultralytics-torch":
        notes.append("pads to the frame's proportions, not to the whole input: fewer pixels than all others compute")
    peer = replace(peer, note="; ".join(notes))
    if subject.task != "segment":
        return [peer]
    full = replace(peer, name=f"{name}, full masks", job=replace(peer.job, full_masks=True))
    return [replace(peer, note=f"{peer.note}; masks at input resolution only"), full]


_KINDS: dict[str, Kind] = {
    "ultralytics": "ultralytics",
    "ultralytics-torch": "ultralytics",
    "plain": "plain",
    "openvino": "openvino",
    "opencv": "opencv",
}


def _with_stock(peer: Contender, subject: Subject) -> Contender:
    model = subject.weights if peer.name == "ultralytics-torch" else subject.stock
    if model is None:
        return replace(peer, not_run="needs the training run: --run RUN")
    spec = peer.job.spec
    if subject.stock_wh is not None:
        spec = json.dumps(json.loads(spec) | {"input_wh": subject.stock_wh})
    return replace(peer, job=replace(peer.job, model=str(model), spec=spec))


def _job(subject: Subject, threads: Threads, kind: Kind) -> Job:
    return Job(
        kind=kind,
        model=str(subject.model),
        threads=threads.count,
        all_cores=threads.all_cores,
        frame=str(subject.frame),
        spec=subject.spec,
        precision=subject.precision,
        fallback_model=str(subject.stock or "") if kind == "opencv" and subject.stock_wh is None else "",
    )
