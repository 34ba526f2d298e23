"""The `http_callback` section of a line file: where results are posted."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from lineproof.settings import StrictModel
from lineproof.signals.store_settings import StoreSettings


class HttpCallbackSettings(StrictModel):
    """A receiver that answers each POST of a result with a 2xx status once it has it."""

    url: str = Field(description="http or https; proxies of the environment are not used, redirects not followed")
    station: str = Field(pattern=r"^[A-Za-z0-9_./-]{1,200}$", description="in every message, e.g. plant1/line2/press3")
    ca_file: Path | None = Field(default=None, description="PEM, for https; default: those of the operating system")
    timeout_ms: float = Field(default=5000, ge=100, le=60_000, description="for a whole request, and for connecting")
    store: StoreSettings = Field(default_factory=StoreSettings, description="what may wait while the receiver is away")

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("has characters that a URL cannot have")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an http:// or https:// URL")
        if parts.username is not None:
            raise ValueError("a line file holds no user and password")
        if parts.port == 0:
            raise ValueError("port 0 is none")
        return url
