"""Bare ASGI + onnxruntime: processes of one thread each behind one port.  python bare_asgi.py STOCK.onnx PORT WORKERS"""

from __future__ import annotations

import os
import sys

import uvicorn

if __name__ == "__main__":
    os.environ["STOCK_GRAPH"] = sys.argv[1]
    # backlog 1: a process accepts one connection at a time, so that few connections spread over all processes
    uvicorn.run(
        "asgi_app:app", port=int(sys.argv[2]), workers=int(sys.argv[3]), backlog=1, log_level="warning", loop="asyncio"
    )
