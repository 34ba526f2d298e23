"""One file out of a multipart form, chunk by chunk, in memory: one part, named `image`, and nothing beside it."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lineproof.serve.errors import Refusal

FIELD = "image"
_REMEDY = f"send exactly one file named `{FIELD}` (curl -F {FIELD}=@part.jpg …); part_id and view go into the query"


class FormImage:
    """Feed it the body with `write`, then take the image with `finish`; the caller bounds the bytes."""

    def __init__(self, content_type: str) -> None:
        """Read the boundary; raises Refusal (400) when there is none."""
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise Refusal("bad_multipart", "the form has no boundary", hint="let your HTTP library write Content-Type")
        self._image = bytearray()
        self._parts = 0
        self._complete = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._field = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                },
            )
        except FormParserError as error:
            raise _unreadable(error) from None

    def write(self, chunk: bytes) -> None:
        """The next bytes of the body; raises Refusal (400 or 422) as soon as they are wrong."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _unreadable(error) from None

    def finish(self) -> bytes:
        """The image; raises Refusal (422) when its part was missing or cut off."""
        if not self._complete:
            raise Refusal("invalid_request", f"the form has no complete file named `{FIELD}`", hint=_REMEDY)
        return bytes(self._image)

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise Refusal("invalid_request", "the form has more than one field", hint=_REMEDY)

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._field = parse_options_header(bytes(self._header_value))[1].get(b"name", b"")
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        if self._field != FIELD.encode():
            raise Refusal("invalid_request", f"the form's field is not named `{FIELD}`", hint=_REMEDY)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._image += data[start:end]

    def _on_part_end(self) -> None:
        self._complete = True


def _unreadable(error: FormParserError) -> Refusal:
    return Refusal("bad_multipart", f"the form cannot be read: {error}", hint=_REMEDY)
