"""JPEG bytes to model input: decoded in full, at 1/2 and at 1/4, by OpenCV as `lineproof serve` does and by TurboJPEG.

Every contender ends on the same letterboxed input; rounds are interleaved, ratios are medians over the rounds. OpenCV's
rows are lineproof's own path, header check included. TurboJPEG takes part where PyTurboJPEG and a library that suits it
are found:

    pip install --target tj 'PyTurboJPEG<2' && apt-get download libturbojpeg0 && dpkg -x libturbojpeg0_*.deb tj
    PYTHONPATH=tj python tests/benchmarks/jpeg_decoding.py --turbojpeg tj/usr/lib/*/libturbojpeg.so.0

python tests/benchmarks/jpeg_decoding.py [--images DIR] [--frame 1280x960] [--inputs 640x480,320x256] [--rounds 200]
    [--out tests/benchmarks/results/NAME.json]
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from pictures import DEFAULT, mosaics

from lineproof.bench.machine import machine, versions
from lineproof.core.decode import REDUCTIONS, decode_reduced
from lineproof.engine.letterbox import Letterbox
from lineproof.engine.reducing import reduce_for

PAD, PICTURES, WARM_UP = 114, 8, 5
Decode = Callable[[bytes], np.ndarray]


def opencv(times: int) -> Decode:
    """As the door decodes."""
    return lambda data: decode_reduced(data, "picture", lambda _: times)[0]


def turbojpeg(library: str | None, reductions: tuple[int, ...]) -> tuple[dict[str, Decode], str]:
    """Rows of TurboJPEG, and what it is, or why there are none."""
    try:
        module = importlib.import_module("turbojpeg")
        jpeg = module.TurboJPEG(library)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return {}, f"not run, {type(error).__name__}: {error}"
    rows = {f"turbojpeg 1/{n}": partial(jpeg.decode, scaling_factor=(1, n)) for n in (1, *reductions)}
    return rows, f"PyTurboJPEG {version('PyTurboJPEG')}, {Path(library or 'library of the system').name}"


def race(decoders: dict[str, Decode], files: list[bytes], letterbox: Letterbox, rounds: int) -> dict[str, object]:
    """All in turn on each picture; milliseconds of decoding, and of decoding and letterboxing together."""
    decode_ms: dict[str, list[float]] = {name: [] for name in decoders}
    total_ms: dict[str, list[float]] = {name: [] for name in decoders}
    for turn in range(rounds + WARM_UP):
        data = files[turn % len(files)]
        for name, decode in decoders.items():
            started = time.perf_counter()
            image = decode(data)
            decoded = time.perf_counter()
            letterbox.fill(image)
            done = time.perf_counter()
            if turn >= WARM_UP:
                decode_ms[name].append(1e3 * (decoded - started))
                total_ms[name].append(1e3 * (done - started))
    floor = total_ms["opencv 1/1"]
    return {
        name: {
            "decode_ms": round(statistics.median(decode_ms[name]), 3),
            "to_input_ms": round(statistics.median(total_ms[name]), 3),
            "to_input_p99_ms": round(float(np.quantile(total_ms[name], 0.99)), 3),
            "of_full": round(statistics.median(a / b for a, b in zip(total_ms[name], floor, strict=True)), 3),
        }
        for name in decoders
    }


def measure(asked: argparse.Namespace) -> dict[str, object]:
    """The race for every input."""
    cv2.setNumThreads(1)  # as the engine has it
    frames = mosaics(asked.images, asked.frame, PICTURES)
    files = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, asked.quality])[1].tobytes() for frame in frames]
    cases: dict[str, object] = {}
    said = ""
    for wh in asked.inputs:
        fitting = tuple(n for n in REDUCTIONS if reduce_for(wh, (n,))(asked.frame) == n)
        others, said = turbojpeg(asked.turbojpeg, fitting)
        decoders = {f"opencv 1/{n}": opencv(n) for n in (1, *fitting)} | others
        letterbox = Letterbox(wh, dynamic=False, pad_value=PAD)
        cases[f"{wh[0]}x{wh[1]}"] = race(decoders, files, letterbox, asked.rounds)
    return {
        "what": "JPEG bytes to model input, medians of interleaved rounds",
        "date": datetime.now(UTC).date().isoformat(),
        **machine(),
        "versions": versions(),
        "turbojpeg": said,
        "frame": f"{asked.frame[0]}x{asked.frame[1]}",
        "quality": asked.quality,
        "file_kb": round(statistics.mean(len(data) for data in files) / 1e3, 1),
        "rounds": asked.rounds,
        "inputs": cases,
    }


def size_wh(text: str) -> tuple[int, int]:
    """Width and height out of `640x480`."""
    width, height = (int(side) for side in text.split("x"))
    return width, height


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=DEFAULT)
    parser.add_argument("--frame", type=size_wh, default=(1280, 960))
    parser.add_argument("--inputs", type=lambda text: [size_wh(each) for each in text.split(",")])
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--turbojpeg", help="the file of libturbojpeg; default: where the system has it")
    parser.add_argument("--out", type=Path)
    parser.set_defaults(inputs=[(640, 480), (320, 256)])
    asked = parser.parse_args()
    text = json.dumps(measure(asked), indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
