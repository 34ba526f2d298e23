"""Who may talk to the server: names and passwords of a file, kept as digests, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from lineproof.errors import SettingsError

MIN_PASSWORD_CHARS = 12
MAX_FILE_BYTES = 65_536
EXAMPLE = "one `name:password` per line, e.g. `plc1:` and 12 characters or more; chmod 600"


class Users:
    """Knows whether a name and a password belong together, and cannot say what the password is."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self._digests = {name: _digest(password) for name, password in passwords.items()}

    def know(self, name: str, password: str) -> bool:
        """Takes as long for an unknown name as for a wrong password."""
        known = self._digests.get(name)
        same = hmac.compare_digest(_digest(password), known or bytes(32))
        return same and known is not None


def read_users(path: Path) -> Users:
    """The users of a file; raises SettingsError, without quoting a password."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{path}: {reason}", hint=EXAMPLE) from None
    passwords: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not colon or not name.strip() or len(password) < MIN_PASSWORD_CHARS or name in passwords:
            raise SettingsError(f"{path}, line {number}: not a new name with a password", hint=EXAMPLE)
        passwords[name] = password
    if not passwords:
        raise SettingsError(f"{path}: nobody in it", hint=EXAMPLE)
    return Users(passwords)


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
