"""A sealed bundle as an NVIDIA Triton model repository: the same model.onnx, and what a caller must know around it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from lineproof.bundle.onnx_ports import OnnxPort, OnnxPorts, read_ports
from lineproof.bundle.open import Bundle
from lineproof.bundle.storage import write_folder
from lineproof.bundle.triton_readme import readme
from lineproof.errors import BundleError, InputError

MAX_BATCH = 128
MAX_INSTANCES = 64

_TYPES = {"uint8": "TYPE_UINT8", "float16": "TYPE_FP16", "float32": "TYPE_FP32"}
_OF_BOXES = ("lineproof.nms_iou", "lineproof.boxes_averaged", "lineproof.max_detections", "lineproof.strides")
_TENSORRT_PRECISION = {"fp32": "FP32", "bf16": "FP32", "fp16": "FP16", "int8": "INT8"}  # a bf16 bundle holds fp32


@dataclass(frozen=True, slots=True)
class TritonRepository:
    """What was written."""

    path: Path
    model_name: str  # under which Triton serves it
    digest: str  # of the bundle
    max_batch: int  # 0: the graph takes one image at a time
    ports: OnnxPorts  # with the batch axis, as in the file
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """How Triton runs the model."""

    max_batch: int
    instances: int
    gpu: bool
    tensorrt: bool


def write_triton_repository(
    bundle: Bundle, out: Path, *, max_batch: int = 8, instances: int = 1, gpu: bool, tensorrt: bool = False
) -> TritonRepository:
    """Write a model repository with this one model in it, whole or not at all.

    Triton batches whatever waits, up to `max_batch`, without waiting for more; `instances` run side by side.

    Raises:
        InputError: a number out of range, or TensorRT without a GPU.
        BundleError: `out` exists, the disk did not take it, or the graph is not one that Triton can serve.
    """
    _check(max_batch, instances, gpu=gpu, tensorrt=tensorrt)
    ports = read_ports(bundle.model)
    batched = all(port.shape[:1] == (None,) for port in (*ports.inputs, *ports.outputs))
    serving = Serving(max_batch if batched else 0, instances, gpu, tensorrt)
    name = model_name(bundle.manifest.name)
    files = {
        f"{name}/config.pbtxt": config_text(name, bundle, ports, serving).encode(),
        f"{name}/labels.txt": "".join(f"{' '.join(label.split())}\n" for label in bundle.manifest.classes).encode(),
        f"{name}/README.md": readme(name, bundle, ports, max_batch=serving.max_batch, tensorrt=tensorrt).encode(),
        f"{name}/1/model.onnx": bundle.model,
    }
    write_folder(out, files, replace=False)
    return TritonRepository(out, name, bundle.digest, serving.max_batch, ports, tuple(files))


def model_name(bundle_name: str) -> str:
    """The bundle's name as a folder's, which is what Triton calls the model."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", bundle_name).strip("-.") or "lineproof"


def config_text(name: str, bundle: Bundle, ports: OnnxPorts, serving: Serving) -> str:
    """`config.pbtxt`: message ModelConfig of Triton's model_config.proto, as text."""
    precision = _TENSORRT_PRECISION[bundle.manifest.precision]
    blocks = [
        f'name: {_quoted(name)}\nbackend: "onnxruntime"\nmax_batch_size: {serving.max_batch}\n',
        *(_port("input", port, serving) for port in ports.inputs),
        *(_port("output", port, serving) for port in ports.outputs),
        f"instance_group {{\n  count: {serving.instances}\n  kind: {'KIND_GPU' if serving.gpu else 'KIND_CPU'}\n}}\n",
        "dynamic_batching {\n}\n" if serving.max_batch > 1 else "",
        *(_warm_up(size, bundle, ports, serving) for size in sorted({1, max(serving.max_batch, 1)})),
        _tensorrt(precision, bundle, ports, serving) if serving.tensorrt else "",
        *(_parameter(key, value) for key, value in _facts(bundle).items()),
    ]
    return "".join(blocks)


def _check(max_batch: int, instances: int, *, gpu: bool, tensorrt: bool) -> None:
    if not 1 <= max_batch <= MAX_BATCH:
        raise InputError(f"max_batch {max_batch}: choose 1 to {MAX_BATCH}")
    if not 1 <= instances <= MAX_INSTANCES:
        raise InputError(f"instances {instances}: choose 1 to {MAX_INSTANCES}")
    if tensorrt and not gpu:
        raise InputError("TensorRT runs on a GPU only", hint="ask for the GPU too, or drop TensorRT")


def _port(kind: str, port: OnnxPort, serving: Serving) -> str:
    if port.dtype not in _TYPES:
        raise BundleError(f"model.onnx: {port.name} is {port.dtype}, which no bundle has", hint="export it again")
    shape = port.shape[1:] if serving.max_batch else port.shape
    dims = ", ".join(str(-1 if size is None else size) for size in shape)
    return f"{kind} {{\n  name: {_quoted(port.name)}\n  data_type: {_TYPES[port.dtype]}\n  dims: [ {dims} ]\n}}\n"


def _warm_up(batch: int, bundle: Bundle, ports: OnnxPorts, serving: Serving) -> str:
    """A run before Triton says ready, so that no part waits for memory, kernels or a TensorRT build."""
    port = ports.inputs[0]
    shape = _full_shape(bundle, port)[1:] if serving.max_batch else _full_shape(bundle, port)
    return (
        f'model_warmup {{\n  name: "batch of {batch}"\n  batch_size: {batch}\n'
        f"  inputs {{\n    key: {_quoted(port.name)}\n    value {{\n      data_type: {_TYPES[port.dtype]}\n"
        f"      dims: [ {', '.join(str(size) for size in shape)} ]\n      zero_data: true\n    }}\n  }}\n}}\n"
    )


def _full_shape(bundle: Bundle, port: OnnxPort, batch: int = 1) -> tuple[int, ...]:
    """The input `(N, H, W, C)` of the largest size the bundle allows."""
    width, height = bundle.manifest.input_wh
    largest = (batch, height, width, bundle.manifest.channels)
    return tuple(limit if size is None else size for size, limit in zip(port.shape, largest, strict=True))


def _tensorrt(precision: str, bundle: Bundle, ports: OnnxPorts, serving: Serving) -> str:
    """TensorRT through onnxruntime, its engine built once for all batch sizes and kept under the bundle's digest."""
    options = {
        "precision_mode": precision,
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_prefix": bundle.digest[:12],
    }
    if serving.max_batch:
        port = ports.inputs[0]
        for bound, batch in (("min", 1), ("opt", serving.max_batch), ("max", serving.max_batch)):
            shape = _full_shape(bundle, port, batch)
            if bound == "min" and bundle.manifest.input.dynamic:
                shape = (batch, 32, 32, shape[3])
            options[f"trt_profile_{bound}_shapes"] = f"{port.name}:{'x'.join(str(size) for size in shape)}"
    lines = "".join(
        f"      parameters {{ key: {_quoted(key)} value: {_quoted(value)} }}\n" for key, value in options.items()
    )
    return (
        "optimization {\n  execution_accelerators {\n    gpu_execution_accelerator {\n"
        f'      name: "tensorrt"\n{lines}    }}\n  }}\n}}\n'
    )


def _facts(bundle: Bundle) -> dict[str, str]:
    """What a caller needs beside the tensors; Triton hands these out with the model's configuration."""
    manifest = bundle.manifest
    thresholds = {name: [limit.score, limit.review_score] for name, limit in manifest.thresholds.items()}
    facts = {
        "lineproof.bundle": manifest.name,
        "lineproof.digest": bundle.digest,
        "lineproof.model_sha256": hashlib.sha256(bundle.model).hexdigest(),
        "lineproof.task": manifest.task,
        "lineproof.classes": json.dumps(manifest.classes, ensure_ascii=False),
        "lineproof.thresholds": json.dumps(thresholds, ensure_ascii=False),  # class: [score, review_score]
        "lineproof.score_floor": f"{manifest.score_floor:g}",
        "lineproof.nms_iou": f"{manifest.nms_iou:g}",
        "lineproof.boxes_averaged": str(manifest.boxes_averaged).lower(),
        "lineproof.max_detections": str(manifest.max_detections),
        "lineproof.layout": manifest.input.layout,
        "lineproof.pad_value": str(manifest.input.pad_value),
        "lineproof.outputs": manifest.outputs,
        "lineproof.strides": json.dumps(manifest.strides),
        "lineproof.precision": manifest.precision,
    }
    if manifest.task == "classify":
        return {name: value for name, value in facts.items() if name not in _OF_BOXES}
    return facts


def _parameter(key: str, value: str) -> str:
    return f"parameters {{\n  key: {_quoted(key)}\n  value {{ string_value: {_quoted(value)} }}\n}}\n"


def _quoted(text: str) -> str:
    """A string of the protobuf text format; what is not plain ASCII as octal bytes, which every parser reads."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    plain = (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in escaped.encode())
    return f'"{"".join(plain)}"'
