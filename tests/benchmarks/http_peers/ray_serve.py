"""Ray Serve + onnxruntime: replicas of one thread each.  python ray_serve.py STOCK.onnx PORT REPLICAS"""

from __future__ import annotations

import os
import sys
import threading

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from plain import PlainDetector
from ray import serve
from starlette.responses import JSONResponse


@serve.deployment(num_replicas=int(sys.argv[3]) if len(sys.argv) > 3 else 1, ray_actor_options={"num_cpus": 0.5})
class Detect:
    """One detector per replica."""

    def __init__(self, model: str) -> None:
        self.detector = PlainDetector(model, threads=1)

    async def __call__(self, request):
        # A response of its own carries its length; a plain dict would be sent chunked, which the load generator refuses.
        return JSONResponse({"detections": self.detector.detect_jpeg(await request.body())})


if __name__ == "__main__":
    ray.init(address="local", include_dashboard=False, logging_level="warning", log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Detect.bind(sys.argv[1]), name="detect", route_prefix="/")
    threading.Event().wait()
