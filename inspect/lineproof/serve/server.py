"""uvicorn, set up for a factory network: bounded heads, bodies, connections and patience; quiet about itself."""

from __future__ import annotations

import importlib.util
import math
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from lineproof.errors import InputError
from lineproof.serve.patience import MAX_CONNECTIONS, MAX_HEAD_BYTES, Patience, PatientH11

KEEP_ALIVE_S = 30  # callers such as PLCs send a part every few seconds


def make_server(app: ASGIApp, *, deadline_ms: float) -> uvicorn.Server:
    """A server for `run(sockets=[…])`; it ends gracefully on Ctrl-C or SIGTERM, in-flight requests answered."""
    settings: dict[str, Any] = {
        "http": protocol(),
        "ws": "none",
        "lifespan": "on",
        "log_config": None,  # the caller decides where logs go
        "access_log": False,  # Guard writes one line per request, without the query
        "server_header": False,
        "proxy_headers": False,  # nobody may tell us where he comes from
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": math.ceil(deadline_ms / 1000) + 1,
    }
    return uvicorn.Server(uvicorn.Config(app, **settings))


def protocol() -> type[Patience]:
    """The quicker parser, where it is installed."""
    if importlib.util.find_spec("httptools") is None:
        return PatientH11
    from lineproof.serve.patience_httptools import PatientHttpTools

    return PatientHttpTools


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that a taken port is known before a model is loaded; raises InputError."""
    address = host.strip("[]")
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((address, port), family=family, backlog=MAX_CONNECTIONS)
    except OSError as error:
        hint = "choose another --port, or --port 0 for a free one"
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror or error})", hint=hint) from None


def url_of(listener: socket.socket) -> str:
    """Where callers on this machine reach it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"
