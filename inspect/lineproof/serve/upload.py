"""The image out of a request: counted while it streams, never on disk, in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from lineproof.serve.errors import Refusal
from lineproof.serve.form import FIELD, FormImage

# `curl --data-binary` says urlencoded unless told otherwise; the body is the image all the same.
_RAW_TYPES = ("application/octet-stream", "application/x-www-form-urlencoded", "")
_FORM_TYPE = "multipart/form-data"


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


async def read_upload(request: Request, hold: Hold, *, max_bytes: int, timeout_s: float, deadline_s: float) -> bytes:
    """The image bytes of a raw or multipart body; `deadline_s` is a time of the event loop's clock.

    Raises:
        Refusal: wrong type, too large, too slow, incomplete, or a form that is not one file named `image`.
    """
    kind = _kind(request)
    loop = asyncio.get_running_loop()
    slow_s = loop.time() + timeout_s
    try:
        async with asyncio.timeout_at(min(slow_s, deadline_s)):
            chunks = _counted(request, hold, max_bytes)
            return await (_form_image(request, chunks) if kind == _FORM_TYPE else _joined(chunks))
    except TimeoutError:
        if slow_s < deadline_s:
            raise Refusal(
                "slow_upload",
                f"the image did not come in within {timeout_s:g} s",
                hint="check the network, send a smaller image, or raise serve.upload_timeout_s",
                headers={"Connection": "close"},
            ) from None
        raise Refusal(
            "deadline",
            "the deadline passed while the image was still coming in",
            hint="send a smaller image, or raise serve.deadline_ms",
            headers={"Connection": "close"},
        ) from None
    except ClientDisconnect:
        raise Refusal("incomplete_upload", "the caller hung up before the image was complete") from None


def _kind(request: Request) -> str:
    """The media type, lower case and without parameters; raises Refusal (415) for what holds no image."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind in _RAW_TYPES or kind == _FORM_TYPE or kind.startswith("image/")):
        raise Refusal(
            "unsupported_media_type",
            "the body is neither an image nor multipart/form-data",
            hint=f"send the image bytes with Content-Type image/jpeg (or none), or one form file named `{FIELD}`",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal("unsupported_media_type", "compressed bodies are not taken", hint="drop Content-Encoding")
    return kind


async def _counted(request: Request, hold: Hold, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes; raises Refusal (413) as soon as it is too large, whatever its headers claim."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        hold.take(len(chunk))
        yield chunk


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(
        "upload_too_large",
        f"the upload is larger than {max_bytes / 1e6:g} MB",
        hint="send JPEG or PNG, crop it, or raise serve.max_body_mb",
    )


async def _joined(chunks: AsyncGenerator[bytes, None]) -> bytes:
    body = bytearray()  # not a list: a caller may send single bytes
    async for chunk in chunks:
        body += chunk
    return bytes(body)


async def _form_image(request: Request, chunks: AsyncGenerator[bytes, None]) -> bytes:
    form = FormImage(request.headers["content-type"])
    async for chunk in chunks:
        form.write(chunk)
    return form.finish()
