"""ultralytics checkpoints (`.pt`) without executing what they carry: a pickle may name any function to call."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from ultralytics.nn.tasks import BaseModel, torch_safe_load

from lineproof.adapt.network import Architecture, Weights, as_float
from lineproof.errors import WeightsError

# What reading bytes that are no checkpoint has been seen to raise; the restricted unpickler trips in many ways.
DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)

_HINT = "only ultralytics' YOLOv8 and YOLO11 checkpoints are read; or bring the weights as .safetensors"


def read_checkpoint(path: Path) -> Weights:
    """Weights from a `.pt` file, rebuilt from known classes only.

    Raises:
        WeightsError: unreadable, another kind of network, or it wants to call something that is none of these classes.
    """
    content = _load(path)
    network = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
    if not isinstance(network, BaseModel):
        raise WeightsError(f"{path}: holds no ultralytics network", hint=_HINT)
    architecture = Architecture.parse(_yaml_name(network))
    if architecture is None:
        raise WeightsError(f"{path}: {_yaml_name(network) or type(network).__name__} is not supported", hint=_HINT)
    names = network.names.values() if isinstance(network.names, dict) else network.names
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = {"licence": str(content.get("license") or "AGPL-3.0")}
    return Weights(path, sha256, as_float(network.state_dict()), architecture, tuple(map(str, names)), facts)


def _load(path: Path) -> Any:  # noqa: ANN401 (whatever the file holds)
    if not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):  # ultralytics would fall back to pickle
        raise WeightsError(f"torch {torch.__version__} cannot read checkpoints safely", hint="install torch ≥ 2.6")
    try:
        with path.open("rb") as file:
            file.read(1)
        content, _ = torch_safe_load(path, safe_only=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from None
    except DAMAGED as error:
        what = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise WeightsError(f"{path}: refused: {what}", hint=_HINT) from None
    return content


def _yaml_name(network: BaseModel) -> str:
    """`yolov8n-seg.yaml`; older checkpoints name the file without the size, which is then a key of its own."""
    description = getattr(network, "yaml", None) or {}
    name = Path(str(description.get("yaml_file", ""))).name
    size = str(description.get("scale", ""))
    for family in ("yolov8", "yolo11"):
        if name.startswith((f"{family}.", f"{family}-")):
            return name.replace(family, family + size, 1)
    return name
