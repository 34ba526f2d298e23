"""Access tokens: kept as their sha256, compared in constant time, never printed; each may have the name of its caller."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
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
_NAMED = re.compile(r"([A-Za-z0-9._-]{1,64}):")


class Token:
    """Knows whether what a caller sent is the token, and cannot say what the token is."""

    __slots__ = ("digest", "name")

    def __init__(self, text: str, *, where: str, name: str = "") -> None:
        """Take the token; raises SettingsError when it is too short or cannot travel in a header, without quoting it."""
        if len(text) < MIN_TOKEN_CHARS:
            raise SettingsError(f"{where}: a token needs at least {MIN_TOKEN_CHARS} characters", hint=MAKE_TOKEN)
        if not text.isascii() or not text.isprintable() or " " in text:
            raise SettingsError(f"{where}: a token is one word of printable ASCII characters", hint=MAKE_TOKEN)
        self.digest = hashlib.sha256(text.encode()).digest()
        self.name = name


class Tokens:
    """The callers this server knows; each token stands for one, and its name is how fair shares are counted."""

    def __init__(self, *tokens: Token) -> None:
        """Take at least one token."""
        self._tokens = tokens

    @property
    def names(self) -> tuple[str, ...]:
        """The callers, in the order of the file; "" is a token without a name."""
        return tuple(token.name for token in self._tokens)

    def who(self, sent: bytes) -> str | None:
        """The name of the token that was sent, or None; every token is compared, so it takes as long either way."""
        digest = hashlib.sha256(sent).digest()
        name = None
        for token in self._tokens:
            if hmac.compare_digest(digest, token.digest):
                name = token.name
        return name

    def caller(self, authorization: bytes | None) -> str:
        """Whose Authorization header this is; raises Refusal (401 or 403)."""
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise Refusal(
                "token_missing",
                "this server asks for an access token",
                hint="send the header `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        name = self.who(authorization[len(_SCHEME) :].strip())
        if name is None:
            raise Refusal("token_wrong", "the access token is not the right one", hint="ask who runs this server")
        return name


def find_token(token_file: Path | None, environment: Mapping[str, str]) -> Tokens | None:
    """The tokens of the file, else the one of LINEPROOF_TOKEN, else none; raises SettingsError when unusable.

    A file holds one bare token, or one `name:token` per line; empty lines and lines that start with # do not count.
    """
    if token_file is not None:
        return _parse(_read(token_file), where=str(token_file))
    if environment.get(TOKEN_VARIABLE, "").strip():
        return Tokens(Token(environment[TOKEN_VARIABLE].strip(), where=TOKEN_VARIABLE))
    return None


def _parse(text: str, *, where: str) -> Tokens:
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) <= 1 and not _NAMED.match("".join(lines)):
        return Tokens(Token("".join(lines), where=where))
    tokens: dict[str, Token] = {}
    for number, line in enumerate(lines, 1):
        named = _NAMED.match(line)
        if named is None:
            hint = "write `name:token` on each line; a name is 1 to 64 of A-Z a-z 0-9 . _ -"
            raise SettingsError(f"{where}: token {number} of {len(lines)} has no name", hint=hint)
        token = Token(line[named.end() :], where=f"{where}, {named[1]}", name=named[1])
        if named[1] in tokens or any(token.digest == other.digest for other in tokens.values()):
            raise SettingsError(f"{where}: the name or the token of {named[1]} is there twice", hint=MAKE_TOKEN)
        tokens[named[1]] = token
    return Tokens(*tokens.values())


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


def refuse_open_door(host: str, token: Tokens | None) -> None:
    """Raise SettingsError for an address that others can reach, without a token."""
    if token is None and not is_loopback(host):
        raise SettingsError(f"{host} can be reached from other machines, and no access token is set", hint=MAKE_TOKEN)
