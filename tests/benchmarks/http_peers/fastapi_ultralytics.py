"""What the tutorials show: FastAPI, a sync endpoint, ultralytics on the ONNX export.  python … STOCK.onnx PORT SIZE"""

from __future__ import annotations

import sys
from typing import Annotated

import cv2
import numpy as np
import uvicorn
from fastapi import Body, FastAPI
from ultralytics import YOLO

app = FastAPI()
model = YOLO(sys.argv[1], task="detect")
size = int(sys.argv[3])


@app.post("/")
def predict(data: Annotated[bytes, Body(media_type="image/jpeg")]) -> dict:
    """Boxes of one picture."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    boxes = model.predict(image, imgsz=size, conf=0.25, iou=0.6, device="cpu", verbose=False)[0].boxes
    rows = zip(boxes.cls.tolist(), boxes.conf.tolist(), boxes.xyxy.tolist(), strict=True)
    return {"detections": [{"class": int(kind), "score": score, "box": box} for kind, score, box in rows]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
