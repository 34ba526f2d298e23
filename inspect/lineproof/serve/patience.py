"""HTTP/1.1 for a factory network: limits that uvicorn leaves to a proxy, and our errors where the app is never reached.

The same over either of uvicorn's parsers: httptools (C, 0.1 ms less for a request) where it is installed, else h11.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lineproof.serve.errors import CODES, error_body

HEAD_S = 10.0  # a request's head must be complete by then; a client that dribbles single bytes is hung up on
LINGER_S = 2.0  # an upload that was answered early (413, 503) is read on for this long, so that the answer is seen
MAX_HEAD_BYTES = 16_384
MAX_CONNECTIONS = 512  # half of the usual limit of 1024 open files

if TYPE_CHECKING:
    _Base = H11Protocol
else:
    _Base = object


class Patience(_Base):
    """What both parsers have in common; a subclass knows where its parser stands."""

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
        if self._uploads_in_vain():
            self.loop.call_later(LINGER_S, self._hang_up_unless_done)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the shape of every other error."""
        self._refuse("bad_request", msg, "")

    def _awaits_head(self) -> bool:
        """Whether nothing but an incomplete head is under way."""
        raise AssertionError

    def _uploads_in_vain(self) -> bool:
        """Whether the answer is out, and the body still comes in."""
        raise AssertionError

    def _watch_head(self) -> None:
        if not self._awaits_head() or self.transport.is_closing():
            self._stop_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _hang_up_unless_done(self) -> None:
        if self._uploads_in_vain():
            self.transport.close()

    def _refuse(self, code: str, message: str, hint: str) -> None:
        """Write an error and close; used where no request was understood."""
        body = error_body(code, message, hint)
        status = CODES[code][0]
        head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


class PatientH11(Patience, H11Protocol):
    """Over h11, which bounds the head itself (`h11_max_incomplete_event_size`)."""

    def _awaits_head(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def _uploads_in_vain(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
