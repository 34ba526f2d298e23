"""The in-process floor: JPEG bytes → boxes in a loop, no HTTP; one line `SECONDS` in, one line of JSON out.

python floor.py STOCK.onnx IMAGE.jpg…
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from plain import PlainDetector


def loop(detector: PlainDetector, pictures: Iterator[bytes], seconds: float) -> dict[str, object]:
    """Detect for so long; every latency."""
    latencies_ms, started = [], time.perf_counter()
    before = started
    while before - started < seconds:
        json.dumps(detector.detect_jpeg(next(pictures)))
        now = time.perf_counter()
        latencies_ms.append(round((now - before) * 1e3, 3))
        before = now
    return {"seconds": before - started, "latencies_ms": latencies_ms}


def main() -> None:
    """Load, say so, then wait for orders: idle it costs nothing."""
    detector, data = PlainDetector(sys.argv[1]), [Path(name).read_bytes() for name in sys.argv[2:]]
    found, pictures = len(detector.detect_jpeg(data[0])), itertools.cycle(data)
    sys.stdout.write(json.dumps({"ready": True, "detections": found}) + "\n")
    sys.stdout.flush()
    for order in sys.stdin:
        sys.stdout.write(json.dumps(loop(detector, pictures, float(order))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
