"""One request after the other to one URL over a connection that is kept: bounded in time and size, no proxies."""

from __future__ import annotations

import contextlib
import http.client
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 1 << 16  # read so that the connection can be used again; a longer answer costs the connection


class PostError(Exception):
    """No answer came; the message says why."""


class HttpPoster:
    """Used by one thread; `abort` may be called by another."""

    def __init__(self, url: str, timeout_s: float, tls: ssl.SSLContext | None) -> None:
        """`tls` for https."""
        parts = urlsplit(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_s
        host = parts.hostname or ""
        self._connection = (
            http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
            if parts.scheme == "http"
            else http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=tls)
        )

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer; raises PostError when none came in time, and the connection is then gone."""
        if self._hung_up():
            self._connection.close()
        try:
            with self._deadline():
                self._connection.request("POST", self._path, body, dict(headers))
                answer = self._connection.getresponse()
                rest = answer.read(MAX_ANSWER_BYTES + 1)
                if answer.length and len(rest) <= MAX_ANSWER_BYTES:
                    raise http.client.IncompleteRead(rest, answer.length)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an answer that is no HTTP
            self._connection.close()
            raise PostError(str(error) or type(error).__name__) from None
        if len(rest) > MAX_ANSWER_BYTES:
            self._connection.close()
        return answer.status

    def abort(self) -> None:
        """Make a request that is under way fail."""
        sock: socket.socket | None = self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):  # closed meanwhile
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def _hung_up(self) -> bool:
        """Whether the other end closed the idle connection: what is sent on it would be lost, or worse, in doubt."""
        sock: socket.socket | None = self._connection.sock
        if sock is None:
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            return bool(selector.select(0))

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """The timeout of a socket is for each packet: an answer that drips in would never end."""
        timer = threading.Timer(self._timeout_s, self.abort)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
