"""Who a station is to its broker: certificates and credentials, out of files."""

from __future__ import annotations

import ssl
from pathlib import Path

from lineproof.errors import SettingsError
from lineproof.signals.mqtt_settings import TlsSettings

MAX_CREDENTIALS_BYTES = 4096


class _ClosedWhenRefused(ssl.SSLSocket):
    """The library below leaves a socket open whose handshake failed."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the base
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(settings: TlsSettings | None, beside: Path) -> ssl.SSLContext | None:
    """None without TLS; raises SettingsError when a file cannot be read or is no PEM."""
    if settings is None:
        return None
    ca, cert, key = (
        None if path is None else beside / path for path in (settings.ca_file, settings.cert_file, settings.key_file)
    )
    try:
        context = ssl.create_default_context(cafile=ca)
        context.sslsocket_class = _ClosedWhenRefused
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"mqtt.tls: {error}", hint="ca_file, cert_file and key_file are PEM files") from None
    return context


def credentials(path: Path | None, beside: Path) -> tuple[str | None, str | None]:
    """User and password, both None without a file; raises SettingsError, which never quotes it."""
    if path is None:
        return None, None
    try:
        with (beside / path).open("rb") as file:
            line = file.read(MAX_CREDENTIALS_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"mqtt.credentials_file: {path} cannot be read") from None
    user, colon, password = line.partition(":")
    if not (user and colon and password):
        raise SettingsError(f"mqtt.credentials_file: {path} is not one line `user:password`")
    return user, password
