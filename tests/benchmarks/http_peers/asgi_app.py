"""A bare ASGI application around onnxruntime, one thread: `uvicorn asgi_app:app --workers 2`."""

from __future__ import annotations

import json
import os

from plain import PlainDetector

detector = PlainDetector(os.environ["STOCK_GRAPH"], threads=1)


async def app(scope, receive, send):
    """POST a JPEG anywhere; detects on the event loop, because the process has nothing else to do."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    data, more = bytearray(), True
    while more:
        message = await receive()
        data += message.get("body", b"")
        more = message.get("more_body", False)
    body = json.dumps({"detections": detector.detect_jpeg(bytes(data))}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
