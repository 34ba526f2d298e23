"""uvicorn, set up for a factory network: bounded heads, bodies, connections and patience; quiet about itself."""

from __future__ import annotations

import asyncio
import math
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from lineproof.errors import InputError
from lineproof.serve.errors import CODES, error_body

HEAD_S = 10.0  # a request's head must be complete by then; a client that dribbles single bytes is hung up on
LINGER_S = 2.0  # an upload that was answered early (413, 503) is read on for this long, so that the answer is seen
MAX_HEAD_BYTES = 16_384
MAX_CONNECTIONS = 512  # half of the usual limit of 1024 open files
KEEP_ALIVE_S = 30  # callers such as PLCs send a part every few seconds


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with limits that uvicorn leaves to a proxy, and with our errors where the app is never reached."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base does
        """Start waiting for the head; one caller too many is told so."""
        super().connection_made(transport)
        # asyncio does this only for sockets opened with an explicit protocol number; without it answers take 40 ms more.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse("queue_full", "too many open connections", "close some, or keep one open for many requests")
        else:
            self._watch_head()

    def data_received(self, data: bytes) -> None:
        """As uvicorn does, minding whether the head is complete."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """An answer given before the upload was complete: read on a little, then hang up."""
        super().on_response_complete()
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(LINGER_S, self._hang_up_unless_done)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the shape of every other error."""
        self._refuse("bad_request", msg, "")

    def _watch_head(self) -> None:
        incomplete = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if not incomplete:
            self._stop_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _hang_up_unless_done(self) -> None:
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def _refuse(self, code: str, message: str, hint: str) -> None:
        """Write an error and close; used where no request was understood."""
        body = error_body(code, message, hint)
        status = CODES[code][0]
        head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


def make_server(app: ASGIApp, *, deadline_ms: float) -> uvicorn.Server:
    """A server for `run(sockets=[…])`; it ends gracefully on Ctrl-C or SIGTERM, in-flight requests answered."""
    settings: dict[str, Any] = {
        "http": PatientProtocol,
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


def free_port() -> int:
    """A port of loopback that nobody uses just now; for whoever must name it before the server starts."""
    with listen("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
        return port
