"""Pretrained bases: found by name or file, read safely, moved into a network for your classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from ultralytics.nn.tasks import BaseModel
from ultralytics.utils.downloads import attempt_download_asset

from lineproof.adapt.checkpoint import read_checkpoint
from lineproof.adapt.isolation import cache_folder
from lineproof.adapt.network import Architecture, Weights, build_network, class_width, read_safetensors
from lineproof.bundle.manifest import BaseWeights, Task
from lineproof.errors import WeightsError

AUTO = "auto"  # yolov8n if it is on this machine, else lineproof's own; never a download
SCRATCH = "scratch"  # no base at all: random weights
OWN = "lineproof-n"  # the base that comes with lineproof
OWN_FOLDER = Path(__file__).resolve().parent / "weights"
_DEFAULT = Architecture("yolov8", "n", "detect")
_SUFFIXES = (".pt", ".safetensors")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Start:
    """A network to train from, and what its weights were."""

    network: BaseModel
    architecture: Architecture
    base: BaseWeights | None  # None from scratch


def start_from(base: str, task: Task, classes: tuple[str, ...], *, seed: int = 0, say: Say = lambda _: None) -> Start:
    """A network for `task` and `classes` with the weights of a base, as many of them as fit; the rest by `seed`.

    Raises:
        WeightsError: not found anywhere (says where it was looked for), unsafe, or damaged.
    """
    torch.manual_seed(seed)
    if base == SCRATCH:
        architecture = _DEFAULT.for_task(task)
        return Start(build_network(architecture, classes), architecture, None)
    if base == AUTO:
        base = best_at_hand(task)
    weights = find_base(base, task, say)
    architecture = weights.architecture.for_task(task)
    network = build_network(architecture, classes, class_width=class_width(weights.state))
    moved, total = transfer(weights, network)
    say(f"base {base} ({weights.path.name}): {moved} of {total} tensors transferred")
    card = BaseWeights(
        name=base if Path(base).suffix not in _SUFFIXES else Path(base).name,
        sha256=weights.sha256,
        licence=weights.licence,
        transferred=f"{moved} of {total}",
    )
    return Start(network, architecture, card)


def transfer(weights: Weights, network: BaseModel) -> tuple[int, int]:
    """Copy every tensor that has the same name and shape; returns how many, of how many."""
    own: dict[str, Tensor] = network.state_dict()
    fitting = {key: tensor for key, tensor in weights.state.items() if key in own and own[key].shape == tensor.shape}
    if weights.classes != tuple(network.names.values()):  # the last layer speaks of other classes, if as many
        fitting = {key: tensor for key, tensor in fitting.items() if not _is_class_output(key)}
    network.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)


def _is_class_output(key: str) -> bool:
    return ".cv3." in key and key.split(".cv3.")[1].split(".")[1] == "2"


def best_at_hand(task: Task) -> str:
    """The name of the base to take when none was asked for."""
    for name in (_DEFAULT.for_task(task).name, _DEFAULT.name):
        if any(_in_folder(folder, name) for folder in _folders()):
            return name
    return OWN


def find_base(base: str, task: Task, say: Say = lambda _: None) -> Weights:
    """Weights by name (`yolov8n`, `yolov8s-seg`, `lineproof-n`) or from a file."""
    if Path(base).suffix in _SUFFIXES:
        return _read(Path(base))
    wanted = Architecture.parse(base)
    if wanted is None and base != OWN:
        raise WeightsError(
            f"no base {base!r}",
            hint=f"bases are {AUTO}, {OWN}, yolov8n, yolov8s, …, with -seg for masks, {SCRATCH}, or a .pt or .safetensors file",
        )
    tried: list[str] = []
    names = [base] if wanted is None else [wanted.for_task(task).name, wanted.name]
    for name in dict.fromkeys(names):  # the task's own head if there is one, else the other's body
        for folder in _folders():
            found = _in_folder(folder, name)
            if found is not None:
                return _read(found)
            tried.append(f"{folder}/{name}.*")
    if wanted is not None:
        downloaded = _download(wanted.for_task(task).name, say, tried)
        if downloaded is not None:
            return _read(downloaded)
    raise WeightsError(
        f"base {base} not found; looked for {', '.join(tried)}",
        hint=f"put the file into a folder and set LINEPROOF_WEIGHTS to it, name the file with --base, or use --base {OWN}",
    )


def _folders() -> list[Path]:
    """Where bases are looked for, in this order."""
    told = os.environ.get("LINEPROOF_WEIGHTS")
    return [*([Path(told)] if told else []), _cache(), OWN_FOLDER]


def _cache() -> Path:
    return cache_folder() / "weights"


def _in_folder(folder: Path, name: str) -> Path | None:
    """`yolov8n.pt`, `yolov8n.safetensors`, or either as `yolov8n-coco`; what cannot carry code comes first."""
    for stem in (name, f"{name}-coco"):
        for suffix in reversed(_SUFFIXES):
            path = folder / f"{stem}{suffix}"
            if path.is_file():
                return path
    return None


def _read(path: Path) -> Weights:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file", hint="check the path given with --base")
    return read_checkpoint(path) if path.suffix == ".pt" else read_safetensors(path)


def _download(name: str, say: Say, tried: list[str]) -> Path | None:
    """Fetch into the cache with ultralytics' own downloader; None, with the reason added to `tried`, when it cannot be."""
    if os.environ.get("LINEPROOF_OFFLINE"):
        tried.append("no download: LINEPROOF_OFFLINE is set")
        return None
    target = _cache() / f"{name}.pt"
    target.parent.mkdir(parents=True, exist_ok=True)
    say(f"downloading {name}.pt")
    try:
        with _online():
            attempt_download_asset(target, retry=0, progress=False)
    except OSError as error:  # every failure of the downloader is a ConnectionError
        tried.append(f"ultralytics' releases: {str(error).splitlines()[0][:80]}")
        target.unlink(missing_ok=True)  # a part of a file
        return None
    return target if target.is_file() else None


@contextmanager
def _online() -> Iterator[None]:
    """The one moment when ultralytics may use the network: a base was asked for by name."""
    before = os.environ.pop("YOLO_OFFLINE", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["YOLO_OFFLINE"] = before
