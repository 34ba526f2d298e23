"""Networks by architecture: built from ultralytics' own YAML, filled from a state dict, read and written as safetensors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import safetensors
import safetensors.torch
import torch
from torch import Tensor
from ultralytics.nn.tasks import BaseModel, DetectionModel, SegmentationModel

from lineproof.atomic import write_bytes
from lineproof.bundle.manifest import Task
from lineproof.errors import WeightsError

State = dict[str, Tensor]

FORMAT = "lineproof-network/1"
_YAML_NAME = re.compile(r"(yolov8|yolo11)([nsmlx])(-seg)?(?:\.yaml)?")


@dataclass(frozen=True, slots=True)
class Architecture:
    """Family, size and task: everything ultralytics' YAML files are named by."""

    family: str  # "yolov8" or "yolo11"
    size: str  # n, s, m, l or x
    task: Task

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """From `yolov8n`, `yolov8n-seg` or `yolov8n-seg.yaml`; None for any other name."""
        match = _YAML_NAME.fullmatch(name)
        return cls(match[1], match[2], "segment" if match[3] else "detect") if match else None

    @property
    def name(self) -> str:
        """As ultralytics spells it: `yolov8n-seg`."""
        return f"{self.family}{self.size}{'-seg' if self.task == 'segment' else ''}"

    def for_task(self, task: Task) -> Architecture:
        """The same body with another head."""
        return Architecture(self.family, self.size, task)


def build_network(architecture: Architecture, classes: tuple[str, ...], *, class_width: int | None = None) -> BaseModel:
    """A network with random weights; `class_width` is the inner width of the class branch (ultralytics' choice if None)."""
    network = _fresh(architecture, len(classes))
    head = network.model[-1]
    if class_width is not None and head.cv3[0][-1].in_channels != class_width:
        head.cv3 = _class_branch(architecture, class_width, len(classes))
        head.bias_init()
    network.names = dict(enumerate(classes))
    return network


def _fresh(architecture: Architecture, class_count: int) -> BaseModel:
    kind = SegmentationModel if architecture.task == "segment" else DetectionModel
    network: BaseModel = kind(f"{architecture.name}.yaml", nc=class_count, verbose=False)
    return network


def _class_branch(architecture: Architecture, width: int, class_count: int) -> Any:  # noqa: ANN401 (of ultralytics)
    """The class branch of another inner width: ultralytics derives it from the number of classes (80 for COCO)."""
    branch = _fresh(architecture, width).model[-1].cv3
    for level in branch:
        if level[-1].in_channels != width:
            raise WeightsError(f"{architecture.name} has no class branch of width {width}")
        level[-1] = torch.nn.Conv2d(width, class_count, 1)
    return branch


@dataclass(frozen=True, slots=True)
class Weights:
    """What a weights file holds."""

    path: Path
    sha256: str
    state: State  # float32
    architecture: Architecture
    classes: tuple[str, ...]
    facts: Mapping[str, str]  # the file's metadata: licence, origin, recipe, …

    @property
    def licence(self) -> str:
        """As the file says; checkpoints of ultralytics are AGPL-3.0."""
        return self.facts.get("licence") or self.facts.get("license") or "AGPL-3.0"

    def network(self) -> BaseModel:
        """The network these weights belong to; raises WeightsError when they do not fit it."""
        try:
            network = build_network(self.architecture, self.classes, class_width=class_width(self.state))
            network.load_state_dict(self.state)
        except (RuntimeError, WeightsError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise WeightsError(f"{self.path}: not a {self.architecture.name}: {reason}") from None
        return network


def class_width(state: Mapping[str, Tensor]) -> int | None:
    """Inner width of the class branch of a state dict; None when it has no such branch."""
    last = [tensor for key, tensor in state.items() if key.endswith(".cv3.0.2.weight")]
    return int(last[0].shape[1]) if last else None


def network_bytes(
    network: BaseModel, architecture: Architecture, facts: Mapping[str, str], *, half: bool = False
) -> bytes:
    """The network as a safetensors file: every tensor under ultralytics' own key, its make in the metadata."""
    dtype = torch.float16 if half else torch.float32
    state = {
        key: (tensor.detach().cpu().to(dtype) if tensor.is_floating_point() else tensor.cpu()).contiguous()
        for key, tensor in network.state_dict().items()
    }
    metadata = {
        **facts,
        "format": FORMAT,
        "model_yaml": f"{architecture.name}.yaml",
        "task": architecture.task,
        "names": json.dumps({str(i): str(name) for i, name in sorted(network.names.items())}, ensure_ascii=False),
    }
    return safetensors.torch.save(state, metadata)


def save_network(
    path: Path, network: BaseModel, architecture: Architecture, facts: Mapping[str, str], *, half: bool = False
) -> str:
    """Write a network atomically; returns the sha256 of the file."""
    data = network_bytes(network, architecture, facts, half=half)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def read_safetensors(path: Path) -> Weights:
    """Weights from a safetensors file; raises WeightsError that names the file and what is wrong with it."""
    data = _read(path)
    try:
        state = safetensors.torch.load(data)
        facts = _metadata(data)
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: not a safetensors file ({error})") from None
    architecture = Architecture.parse(facts.get("model_yaml", ""))
    if architecture is None:
        raise WeightsError(
            f"{path}: its metadata names no known network", hint="model_yaml must be, e.g., yolov8n.yaml"
        )
    return Weights(path, hashlib.sha256(data).hexdigest(), as_float(state), architecture, _names(facts, path), facts)


def as_float(state: Mapping[str, Tensor]) -> State:
    """Floating-point tensors in float32; counters stay integers."""
    return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from None


def _metadata(data: bytes) -> dict[str, str]:
    """The `__metadata__` of the header, which follows its own length."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length]).get("__metadata__") or {})


def _names(facts: Mapping[str, str], path: Path) -> tuple[str, ...]:
    try:
        names = json.loads(facts.get("names", ""))
        return tuple(str(names[str(i)]) for i in range(len(names)))
    except (ValueError, KeyError, TypeError):
        raise WeightsError(f"{path}: its metadata holds no class names") from None
