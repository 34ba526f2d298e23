"""ultralytics as a contender of `lineproof bench`: its own export and its own `predict`, as anyone would call them.

`python -m lineproof.adapt.stock_peer` is a contender's process; with `export WEIGHTS WxH OUT` it writes the stock ONNX.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lineproof.bench.child import Stages, Standing, serve
from lineproof.bench.messages import Job, Ready
from lineproof.errors import LineproofError

if TYPE_CHECKING:
    from ultralytics import YOLO


def export_stock(weights: Path, input_wh: tuple[int, int], out: Path) -> None:
    """Write ultralytics' own fp32 ONNX export of a network: float `(1, 3, H, W)` in, every box decoded out.

    Raises:
        WeightsError: the file holds no network.
        RuntimeError: the exporter failed.
    """
    model = _yolo(weights)
    target = out.absolute()
    with _scratch_folder():  # the exporter writes beside its model, which is here and now
        width, height = input_wh
        written = model.export(format="onnx", imgsz=(height, width), device="cpu", simplify=True, verbose=False)
        shutil.move(written, target)


def build(job: Job) -> Standing:
    """`YOLO.predict` on the frame, on the ONNX export or on torch, with the bundle's floor, overlap and limit."""
    # Training shares its cores and lets idle threads sleep; here nobody else runs, and a peer gets its best.
    os.environ.pop("OMP_WAIT_POLICY", None)
    import torch
    from ultralytics import YOLO

    spec = json.loads(job.spec)
    if not job.all_cores:
        _restrict(job.threads)
    if job.model.endswith(".onnx"):
        model = YOLO(job.model, task=spec["task"])
        provider = "CPUExecutionProvider"
    else:
        model = _yolo(Path(job.model))
        provider = "torch"
    width, height = spec["input_wh"]
    predict = functools.partial(
        model.predict,
        np.load(job.frame),
        imgsz=(height, width),
        conf=spec["score_floor"],
        iou=spec["nms_iou"],
        max_det=spec["max_detections"],
        retina_masks=job.full_masks,
        device="cpu",
        verbose=False,
    )
    found = predict()[0]
    torch.set_num_threads(job.threads)  # its first call leaves torch one core fewer than there are

    def call() -> Stages:
        speed = predict()[0].speed
        return {
            "preprocess": speed["preprocess"],
            "infer": speed["inference"],
            "postprocess": speed["postprocess"],
        }

    return Standing(call, Ready(provider, "fp32", len(found)))


def _yolo(weights: Path) -> YOLO:
    """A network in ultralytics' own hands, with the arguments it gives every new one."""
    from ultralytics import YOLO

    from lineproof.adapt.network import read_safetensors

    read = read_safetensors(weights)
    model = YOLO(f"{read.architecture.name}.yaml", task=read.architecture.task)
    network = read.network().eval()
    network.args, network.task = model.model.args, read.architecture.task
    model.model = network
    return model


def _restrict(threads: int) -> None:
    """No more threads than the others have; with all cores it runs as it comes."""
    import cv2
    import onnxruntime

    cv2.setNumThreads(threads)
    session = onnxruntime.InferenceSession

    def restricted(model: str, options: onnxruntime.SessionOptions | None = None, **named: object) -> object:
        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return session(model, options, **named)

    onnxruntime.InferenceSession = restricted


@contextmanager
def _scratch_folder() -> Iterator[None]:
    """A working directory that is gone afterwards."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="lineproof-stock-") as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def main(arguments: list[str]) -> int:
    """A contender's process, or one export; the exit code."""
    if not arguments:
        serve(build)
        return 0
    _, weights, size, out = arguments
    width, height = (int(side) for side in size.split("x"))
    try:
        export_stock(Path(weights), (width, height), Path(out))
    except LineproofError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
