"""The access token: kept as its sha256, compared in constant time, never printed."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from lineproof.errors import SettingsError
from lineproof.serve.errors import Refusal

MIN_TOKEN_CHARS = 16
MAX_TOKEN_FILE_BYTES = 4096
TOKEN_VARIABLE = "LINEPROOF_TOKEN"
MAKE_TOKEN = (
    'make one with `python3 -c "import secrets; print(secrets.token_urlsafe(32))" > token.txt; chmod 600 token.txt` '
    f"and give it with --token-file token.txt or in {TOKEN_VARIABLE}"
)
_SCHEME = b"bearer "


class Token:
    """Knows whether what a caller sent is the token, and cannot say what the token is."""

    __slots__ = ("_digest",)

    def __init__(self, text: str, *, where: str) -> None:
        """Take the token; raises SettingsError when it is too short or cannot travel in a header, without quoting it."""
        if len(text) < MIN_TOKEN_CHARS:
            raise SettingsError(f"{where}: a token needs at least {MIN_TOKEN_CHARS} characters", hint=MAKE_TOKEN)
        if not text.isascii() or not text.isprintable() or " " in text:
            raise SettingsError(f"{where}: a token is one word of printable ASCII characters", hint=MAKE_TOKEN)
        self._digest = hashlib.sha256(text.encode()).digest()

    def matches(self, sent: bytes) -> bool:
        """Whether this is the token; takes as long either way."""
        return hmac.compare_digest(hashlib.sha256(sent).digest(), self._digest)

    def check(self, authorization: bytes | None) -> Refusal | None:
        """What to answer to this Authorization header; None lets the caller in."""
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            return Refusal(
                "token_missing",
                "this server asks for an access token",
                hint="send the header `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not self.matches(authorization[len(_SCHEME) :].strip()):
            return Refusal("token_wrong", "the access token is not the right one", hint="ask who runs this server")
        return None


def find_token(token_file: Path | None, environment: Mapping[str, str]) -> Token | None:
    """The token of the file, else of LINEPROOF_TOKEN, else none; raises SettingsError when it is unusable."""
    if token_file is not None:
        return Token(_read(token_file), where=str(token_file))
    if environment.get(TOKEN_VARIABLE, "").strip():
        return Token(environment[TOKEN_VARIABLE].strip(), where=TOKEN_VARIABLE)
    return None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOKEN_FILE_BYTES + 1)
        if len(data) > MAX_TOKEN_FILE_BYTES:
            raise SettingsError(f"{path}: larger than {MAX_TOKEN_FILE_BYTES} bytes, so no token file", hint=MAKE_TOKEN)
        return data.decode().strip()
    except OSError as error:
        raise SettingsError(f"{path}: the token cannot be read ({error.strerror})", hint=MAKE_TOKEN) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not text, so no token file", hint=MAKE_TOKEN) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name other than localhost cannot be trusted to."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_open_door(host: str, token: Token | None) -> None:
    """Raise SettingsError for an address that others can reach, without a token."""
    if token is None and not is_loopback(host):
        raise SettingsError(f"{host} can be reached from other machines, and no access token is set", hint=MAKE_TOKEN)
