"""Detection as everybody writes it: resize, blob, the stock graph on onnxruntime, boxes out of numpy and OpenCV.

The floor, the peers and the naive camera loop share it; it needs cv2, numpy and onnxruntime and nothing of lineproof.
"""

from __future__ import annotations

import cv2
import numpy as np
import onnxruntime as ort

SCORE, IOU, GREY = 0.25, 0.6, 114


class PlainDetector:
    """The stock YOLOv8 export: `images (1, 3, H, W)` float in, `(1, 4 + classes, anchors)` out; not thread-safe."""

    def __init__(self, model: str, threads: int = 0) -> None:
        """`threads` 0: all cores, as onnxruntime has it by default."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.height, self.width = self.session.get_inputs()[0].shape[2:]
        self._canvas = np.full((self.height, self.width, 3), GREY, np.uint8)
        cv2.setNumThreads(1)  # two pools of threads on the same cores slow each other down
        self.detect(self._canvas)

    def detect_jpeg(self, data: bytes) -> list[dict[str, object]]:
        """Decode and detect."""
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError("not an image")
        return self.detect(image)

    def detect(self, image: np.ndarray) -> list[dict[str, object]]:
        """Boxes in pixels of the image, surest first."""
        scale, left, top = self._letterbox(image)
        blob = cv2.dnn.blobFromImage(self._canvas, 1 / 255, swapRB=True)
        rows = self.session.run(None, {"images": blob})[0][0]
        return self._found(rows, scale, left, top)

    def _letterbox(self, image: np.ndarray) -> tuple[float, int, int]:
        height, width = image.shape[:2]
        scale = min(self.height / height, self.width / width)
        fit_wh = round(width * scale), round(height * scale)
        left, top = (self.width - fit_wh[0]) // 2, (self.height - fit_wh[1]) // 2
        self._canvas[:] = GREY
        self._canvas[top : top + fit_wh[1], left : left + fit_wh[0]] = cv2.resize(image, fit_wh)
        return scale, left, top

    def _found(self, rows: np.ndarray, scale: float, left: int, top: int) -> list[dict[str, object]]:
        best = rows[4:].max(0)
        keep = np.flatnonzero(best > SCORE)
        rows, best = rows[:, keep], best[keep]
        classes = rows[4:].argmax(0)
        xywh = rows[:4].T.copy()
        xywh[:, :2] = (xywh[:, :2] - xywh[:, 2:] / 2 - (left, top)) / scale
        xywh[:, 2:] /= scale
        kept = cv2.dnn.NMSBoxesBatched(xywh, best, classes.astype(np.int32), SCORE, IOU) if len(keep) else ()
        return [
            {"class": int(classes[i]), "score": round(float(best[i]), 4), "box": [round(float(v), 1) for v in xywh[i]]}
            for i in kept
        ]
