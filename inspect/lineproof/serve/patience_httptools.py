"""The same over httptools, whose parser neither bounds the head nor says where it stands."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lineproof.serve.patience import MAX_HEAD_BYTES, Patience


class PatientHttpTools(Patience, HttpToolsProtocol):  # type: ignore[misc]  # Patience is typed as over h11
    """Over httptools; every byte of a head is counted, also of one that never ends."""

    _head_bytes = 0
    _lines_bytes = 0
    _body_open = False  # a head is complete, its body is not

    def data_received(self, data: bytes) -> None:
        """Hang up on a head that is longer than it may be before it is complete."""
        if not self._body_open:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self._body_open and not self.transport.is_closing():
            if self._awaits_head():
                self._refuse("bad_request", "the head of the request is too long", "")
            else:
                self.transport.close()  # in the middle of an answer there is no place for another

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._lines_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Count it."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is there, the body is next."""
        self._body_open = True
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._body_open = False
        super().on_message_complete()

    def _count(self, size: int) -> None:
        """Raise ValueError, which the parser turns into a 400, when a head that came at once is too long."""
        self._lines_bytes += size
        if self._lines_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head of the request is too long")

    def _awaits_head(self) -> bool:
        return not self._body_open and (self.cycle is None or self.cycle.response_complete)

    def _uploads_in_vain(self) -> bool:
        return self._body_open and self.cycle is not None and self.cycle.response_complete
