"""The page that lies beside a model in a Triton repository: how to feed it, how to read it, and what is not checked there."""

from __future__ import annotations

import hashlib

from lineproof.bundle.manifest import Manifest
from lineproof.bundle.onnx_ports import OnnxPort, OnnxPorts
from lineproof.bundle.open import Bundle

_ROWS = """\
* `boxes (N, K, 4)`: x1, y1, x2, y2 in input pixels; `scores (N, K, classes)`: 0 to 1.
* Keep every (box, class) pair with a score above the floor, also several classes of one box.
"""
_MAPS = """\
* One level per stride s: `sides_s (N, 4 × bins, h, w)` and `logits_s (N, classes, h, w)`; cell (x, y) lies at ((x + 0.5) · s,
  (y + 0.5) · s) in input pixels. score = sigmoid(logit); keep every (cell, class) pair with a score above the floor.
* `sides_s` holds, in this order, left, top, right and bottom, `bins` logits each. distance = Σ k · softmax(logits)_k over
  k = 0 … bins − 1, in cells. Box: x1 = (x + 0.5 − left) · s, y1 = (y + 0.5 − top) · s, x2 = (x + 0.5 + right) · s,
  y2 = (y + 0.5 + bottom) · s.
* This form moves every cell over the network. A bundle exported with outputs `rows` returns only the surest boxes and suits
  Triton better.
"""
_PROBABILITIES = """\
* `probabilities (N, classes)`: 0 to 1, each class for itself; they do not add up to 1, and a good part has none.
* A class from the floor on is a detection whose box is the whole frame.
"""
_AVERAGED = """\
* A box that stays moves: to the mean of all boxes of its class that overlap it by more than that IoU (itself included),
  each weighted with its score · √(IoU with it − that IoU).
"""
_HEAT = """\
* `heat (N, classes, h, w)` covers the whole input: what of it speaks for (above 0) or against a class. No decision needs it;
  a request that names `probabilities` as its only output does not move it over the network.
"""
_MASKS = {
    "rows": "`coefficients (N, K, m)` belong to the rows of `boxes`",
    "maps": "`coefficients_s (N, m, h, w)` belong to the cells",
}


def readme(name: str, bundle: Bundle, ports: OnnxPorts, *, max_batch: int, tensorrt: bool) -> str:
    """Markdown, for a programmer who calls Triton."""
    manifest = bundle.manifest
    parts = [
        f"# {name}\n",
        f"The model of the lineproof bundle `{manifest.name}`, digest\n`{bundle.digest}`.\n",
        "## Start\n",
        "    tritonserver --model-repository=<the folder that holds this one>\n",
        _not_checked(bundle),
        _tensors(ports, max_batch),
        _letterbox(manifest),
        _decode(manifest),
        _operating_point(manifest),
        _tensorrt() if tensorrt else "",
    ]
    return "\n".join(part for part in parts if part)


def _not_checked(bundle: Bundle) -> str:
    return (
        "## What Triton does not do\n\n"
        "A lineproof line verifies the seal and replays the bundle's probe images on its own hardware before it is ready, and\n"
        "turns everything that goes wrong into FAULT. Triton does none of this. Check the file:\n\n"
        f"    echo '{hashlib.sha256(bundle.model).hexdigest()}  1/model.onnx' | sha256sum -c\n\n"
        "Send the probe images of the bundle through your own client once per machine and compare. A request that fails, or\n"
        "an output that is not finite, is a part that was not inspected: reject it.\n"
    )


def _tensors(ports: OnnxPorts, max_batch: int) -> str:
    rows = [_row("in", port) for port in ports.inputs] + [_row("out", port) for port in ports.outputs]
    batch = (
        f"The first axis is the batch, 1 to {max_batch}; Triton joins waiting requests.\n"
        if max_batch
        else "The graph takes one image at a time: Triton does not batch it.\n"
    )
    return "## Tensors\n\n| | name | type | shape |\n|---|---|---|---|\n" + "\n".join(rows) + "\n\n" + batch


def _row(kind: str, port: OnnxPort) -> str:
    shape = ", ".join("any" if size is None else str(size) for size in port.shape)
    return f"| {kind} | `{port.name}` | {port.dtype} | ({shape}) |"


def _letterbox(manifest: Manifest) -> str:
    width, height = manifest.input_wh
    grey = "turn the copy grey (OpenCV's BGR2GRAY), " if manifest.channels == 1 else ""
    colour = "grey" if manifest.channels == 1 else "BGR, not RGB"
    smaller = (
        "A smaller input in multiples of 32 that holds the copy is accepted too.\n" if manifest.input.dynamic else ""
    )
    return (
        "## Frame to input\n\n"
        f"{_tiles(manifest)}For a frame of w × h pixels: g = min({width} / w, {height} / h), copy size w' = round(w · g), h' = round(h · g).\n"
        f"Resize linearly (OpenCV INTER_LINEAR) to w' × h', {grey}and lay it on a canvas of {width} × {height} filled with "
        f"{manifest.input.pad_value},\nat left = round(({width} − w') / 2 − 0.1), top = round(({height} − h') / 2 − 0.1). Send the "
        f"canvas as uint8, rows first, {colour}:\nno division, no mean, no transposition; the graph does all that.\n{smaller}"
    )


def _tiles(manifest: Manifest) -> str:
    """What comes before the letterbox, where the model was trained on tiles."""
    tiles = manifest.tiles
    if tiles is None:
        return ""
    return (
        f"This model sees tiles, not frames. Cut the frame into tiles of {tiles.slice_width} × {tiles.slice_height} pixels "
        f"at every {tiles.slice_width - tiles.overlap_width}th column and {tiles.slice_height - tiles.overlap_height}th "
        "row; move the last of each row and\ncolumn inwards so that none leaves the frame; a smaller frame is one tile. Each "
        "tile is a “frame” below.\nAdd a tile's corner to what is found on it; join what an edge inside the frame has cut "
        "with its continuation on the next tile\n(`lineproof.core.tile_merge` does it); suppress doubles between tiles as "
        "within one.\n\n"
    )


def _decode(manifest: Manifest) -> str:
    if manifest.task == "classify":
        heat = _HEAT if manifest.outputs == "probabilities+heat" else ""
        return f"## Outputs to detections\n\n{_PROBABILITIES}* Score floor {manifest.score_floor:g}.\n{heat}"
    text = (
        "## Outputs to detections\n\n"
        + (_ROWS if manifest.outputs == "rows" else _MAPS)
        + f"* Score floor {manifest.score_floor:g}. Per class, suppress boxes that overlap a surer one by more than IoU "
        f"{manifest.nms_iou:g}; keep the surest {manifest.max_detections}.\n"
        + (_AVERAGED if manifest.boxes_averaged else "")
        + "* Back to the frame: x = (x_input − left) · w / w', y = (y_input − top) · h / h'; cut to the frame.\n"
    )
    if manifest.task == "segment":
        text += (
            f"* Masks: {_MASKS[manifest.outputs]}, `prototypes (N, m, h, w)` cover the whole input. "
            "\n  logit = Σ coefficient · prototype, sampled linearly at each frame pixel's centre inside the box; "
            "the mask is where it is above 0\n  "
            "(nowhere: the whole box, so that a sure detection keeps its area).\n"
        )
    return text


def _operating_point(manifest: Manifest) -> str:
    rows = "\n".join(
        f"| {index} | {name.replace('|', chr(92) + '|')} | {manifest.thresholds[name].score:g} | "
        f"{manifest.thresholds[name].review_score:g} |"
        for index, name in enumerate(manifest.classes)
    )
    return (
        "## Operating point\n\nFrom `score` on a detection is sure; from `review from` up to it a person must look.\n\n"
        f"| id | class | score | review from |\n|---|---|---|---|\n{rows}\n\n"
        "The same values are in `parameters` of `config.pbtxt`, which Triton returns at `/v2/models/<name>/config`.\n"
    )


def _tensorrt() -> str:
    return (
        "## TensorRT\n\nThe engine is built at the first start, which takes minutes, and is kept in the server's working folder\n"
        "(or where `trt_engine_cache_path` says). What TensorRT cannot run, onnxruntime runs with CUDA without saying so in\n"
        "the answers: look at the log of the start, and compare the probe images.\n"
    )
