"""The image out of a request: counted while it streams, never on disk, in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from starlette.types import Receive

from lineproof.serve.errors import Refusal
from lineproof.serve.form import FIELD, FormImage
from lineproof.serve.pixels import NDARRAY_TYPE, PixelFormat

# `curl --data-binary` says urlencoded unless told otherwise; the body is the image all the same.
_RAW_TYPES = ("application/octet-stream", "application/x-www-form-urlencoded", "")
_FORM_TYPE = "multipart/form-data"

Headers = Mapping[bytes, bytes]  # names in lower case


class Upload(NamedTuple):
    """What came: an encoded image, or pixels when their format is told."""

    data: bytes | bytearray
    pixels: PixelFormat | None = None


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one upload may be."""

    max_bytes: int
    max_pixels: int
    timeout_s: float


@dataclass
class Intake:
    """The memory that uploads may take, together; used on the event loop only."""

    limit_bytes: int
    held_bytes: int = 0

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """Count the bytes of one upload until its request is answered."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.held_bytes -= hold.taken_bytes


class Hold:
    """The share of one upload."""

    def __init__(self, intake: Intake) -> None:
        """Start at zero."""
        self.intake = intake
        self.taken_bytes = 0

    def take(self, size: int) -> None:
        """Count more bytes; raises Refusal (429) when all uploads together are too many."""
        if self.intake.held_bytes + size > self.intake.limit_bytes:
            raise Refusal(
                "queue_full",
                "the uploads being received and waiting are too large together",
                hint="come back when some are done, or raise serve.uploads_in_memory_mb",
                headers={"Retry-After": "1"},
            )
        self.intake.held_bytes += size
        self.taken_bytes += size


async def read_upload(
    headers: Headers, receive: Receive, hold: Hold, limits: UploadLimits, deadline_s: float
) -> Upload:
    """The image of a raw, pixel or multipart body; `deadline_s` is a time of the event loop's clock.

    Raises:
        Refusal: wrong type, too large, too slow, incomplete, not the pixels that its type tells, or a form that is not
            one file named `image`.
    """
    kind = _kind(headers)
    slow_s = asyncio.get_running_loop().time() + limits.timeout_s
    try:
        async with asyncio.timeout_at(min(slow_s, deadline_s)):
            return await _received(kind, headers, _counted(headers, receive, hold, limits.max_bytes), limits)
    except TimeoutError:
        if slow_s < deadline_s:
            raise Refusal(
                "slow_upload",
                f"the image did not come in within {limits.timeout_s:g} s",
                hint="check the network, send a smaller image, or raise serve.upload_timeout_s",
                headers={"Connection": "close"},
            ) from None
        raise Refusal(
            "deadline",
            "the deadline passed while the image was still coming in",
            hint="send a smaller image, or raise serve.deadline_ms",
            headers={"Connection": "close"},
        ) from None


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _kind(headers: Headers) -> str:
    """The media type, lower case and without parameters; raises Refusal (415) for what holds no image."""
    kind = _text(headers, b"content-type").partition(";")[0].strip().lower()
    if not (kind in _RAW_TYPES or kind in {_FORM_TYPE, NDARRAY_TYPE} or kind.startswith("image/")):
        raise Refusal(
            "unsupported_media_type",
            "the body is neither an image, pixels, nor multipart/form-data",
            hint=f"send the image bytes with Content-Type image/jpeg (or none), or one form file named `{FIELD}`",
        )
    if _text(headers, b"content-encoding").lower() not in {"", "identity"}:
        raise Refusal("unsupported_media_type", "compressed bodies are not taken", hint="drop Content-Encoding")
    return kind


async def _received(kind: str, headers: Headers, chunks: AsyncGenerator[bytes, None], limits: UploadLimits) -> Upload:
    if kind == _FORM_TYPE:
        return Upload(await _form_image(_text(headers, b"content-type"), chunks))
    if kind != NDARRAY_TYPE:
        return Upload(await _joined(chunks))
    pixels = PixelFormat.parse(_text(headers, b"content-type"), max_pixels=limits.max_pixels)
    if pixels.size_bytes > limits.max_bytes:
        raise _too_large(limits.max_bytes)
    declared = _declared(headers)
    if declared is not None and declared <= limits.max_bytes:  # refused before a byte was sent
        pixels.check_length(declared)
    data = await _joined(chunks)
    pixels.check_length(len(data))
    return Upload(data, pixels)


def _declared(headers: Headers) -> int | None:
    """The Content-Length, if there is one that can be believed."""
    text = _text(headers, b"content-length")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


async def _counted(headers: Headers, receive: Receive, hold: Hold, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes; raises Refusal (413) as soon as it is too large, whatever its headers claim."""
    if (_declared(headers) or 0) > max_bytes:
        raise _too_large(max_bytes)
    received, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal("incomplete_upload", "the caller hung up before the image was complete")
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        if chunk:
            hold.take(len(chunk))
            yield chunk


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(
        "upload_too_large",
        f"the upload is larger than {max_bytes / 1e6:g} MB",
        hint="send JPEG or PNG, crop it, or raise serve.max_body_mb",
    )


async def _joined(chunks: AsyncGenerator[bytes, None]) -> bytes | bytearray:
    """The body; not copied when it came in one piece, and never a list: a caller may send single bytes."""
    whole: bytes | bytearray = b""
    async for chunk in chunks:
        if not whole:
            whole = chunk
        elif isinstance(whole, bytearray):
            whole += chunk
        else:
            whole = bytearray(whole) + chunk
    return whole


async def _form_image(content_type: str, chunks: AsyncGenerator[bytes, None]) -> bytes:
    form = FormImage(content_type)
    async for chunk in chunks:
        form.write(chunk)
    return form.finish()
