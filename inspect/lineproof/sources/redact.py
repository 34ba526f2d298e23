"""URLs without their secrets."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

_SECRET = re.compile(r"user|usr|login|pass|pwd|token|key|auth|secret|sig", re.IGNORECASE)


def redact(url: str) -> str:
    """The URL for messages: user, password and secret-looking query values are replaced by `***`."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")
    netloc = f"***@{host[2]}" if host[1] else host[2]
    query = "&".join(
        f"{name}={'***' if _SECRET.search(name) else value}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))
