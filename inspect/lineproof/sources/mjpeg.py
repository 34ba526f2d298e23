"""Motion JPEG over HTTP, part by part and strictly: a truncated picture is refused, not completed with grey."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from lineproof.core.decode import decode_image
from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Shot
from lineproof.sources.redact import redact

MAX_PICTURE_BYTES = 64_000_000  # 50 megapixels at the worst JPEG quality
MAX_LINE_BYTES = 65_536
MAX_LINES = 100_000  # between two pictures, headers among them: a thread that was left behind must come to an end


class MjpegHandle:
    """An open multipart response; each part is one JPEG."""

    def __init__(self, response: http.client.HTTPResponse, boundary: bytes, what: str) -> None:
        self._response = response
        self._boundary = boundary
        self._what = what
        self._at_boundary = False

    def read(self) -> Shot:
        """The next picture; raises ImageError for a damaged one, SourceLost at the end of the stream."""
        try:
            data = self._next_part()
        except (OSError, http.client.HTTPException) as error:
            raise SourceLost(f"{self._what}: the stream broke ({type(error).__name__})") from None
        return Shot(decode_image(data, self._what))

    def close(self) -> None:
        """Hang up."""
        self._response.close()

    def _next_part(self) -> bytes:
        length = b""
        for _ in range(MAX_LINES):
            line = self._line()
            if not self._at_boundary:
                self._at_boundary = line.startswith(self._boundary)
            elif not line.strip():
                break
            elif line.lower().startswith(b"content-length:"):
                length = line.partition(b":")[2].strip()
        else:
            raise SourceLost(f"{self._what}: {MAX_LINES} lines without a picture", hint="this is no camera stream")
        self._at_boundary = False
        return self._exactly(int(length)) if length.isdigit() else self._up_to_boundary()

    def _line(self) -> bytes:
        line = self._response.readline(MAX_LINE_BYTES)
        if not line:
            raise SourceLost(f"{self._what}: the stream ended")
        return line

    def _exactly(self, length: int) -> bytes:
        if length > MAX_PICTURE_BYTES:
            raise SourceLost(f"{self._what}: announces a picture of {length} bytes", hint="this is no camera stream")
        data = self._response.read(length)
        if len(data) < length:
            raise SourceLost(f"{self._what}: the stream was cut within a picture")
        return data

    def _up_to_boundary(self) -> bytes:
        data = bytearray()
        while not (line := self._line()).startswith(self._boundary):
            data += line
            if len(data) > MAX_PICTURE_BYTES:
                raise SourceLost(f"{self._what}: a picture without end", hint="this is no camera stream")
        self._at_boundary = True
        return bytes(data)


def open_mjpeg(url: str, timeout_s: float) -> MjpegHandle | None:
    """Open and read one picture; None when the answer is no multipart stream (then FFMPEG may know it).

    Raises:
        SourceLost: no connection, an HTTP error, or no picture; the message holds no secret of the URL.
    """
    what = redact(url)
    try:
        response = _opener(url).open(_without_user(url), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        hint = "check user and password in source.url" if error.code in (401, 403) else "check source.url"
        raise SourceLost(f"{what}: answered {error.code} {error.reason}", hint=hint) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise SourceLost(f"{what}: no connection ({reason})", hint="check power, cable and source.url") from None
    boundary = response.headers.get_param("boundary")
    if response.headers.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        response.close()
        return None
    return _proven(MjpegHandle(response, b"--" + boundary.removeprefix("--").encode(), what))


def _proven(handle: MjpegHandle) -> MjpegHandle:
    """A connection is no camera: one picture is."""
    try:
        handle.read()
    except SourceLost:
        handle.close()
        raise
    except ImageError:
        pass  # damaged, but it came; the thread that reads on will count it
    return handle


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Straight to the camera, never through a proxy; user and password in the way it asks for (basic, digest)."""
    parts = urlsplit(url)
    secrets = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username:
        secrets.add_password(None, _without_user(url), unquote(parts.username), unquote(parts.password or ""))
    return urllib.request.build_opener(
        _HangUp(),
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPBasicAuthHandler(secrets),
        urllib.request.HTTPDigestAuthHandler(secrets),
    )


class _HangUp(urllib.request.BaseHandler):
    """Closes the connection of a refused request; urllib leaves it open when it asks again with the password."""

    handler_order = 100  # before those that ask again

    def http_error_401(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage
    ) -> None:
        """Called by name for every 401."""
        del req, code, msg, headers
        fp.close()
