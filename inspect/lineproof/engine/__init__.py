"""Pixels to detections: onnxruntime, letterbox and its exact inverse, decode."""
