"""LitServe + onnxruntime.  python litserve_onnx.py STOCK.onnx PORT WORKERS THREADS"""

# No `from __future__ import annotations`: LitServe reads the annotation of decode_request as it stands.
import sys
from typing import Annotated

import litserve
from fastapi import Body
from plain import PlainDetector


class Detect(litserve.LitAPI):
    """One detector per worker process; the JPEG travels as it is, which costs less than a form or base64."""

    def setup(self, device):
        del device
        self.detector = PlainDetector(sys.argv[1], int(sys.argv[4]))

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]):
        return request

    def predict(self, data):
        return self.detector.detect_jpeg(data)

    def encode_response(self, output):
        return {"detections": output}


if __name__ == "__main__":
    server = litserve.LitServer(Detect(api_path="/"), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
