"""Before anything else sees a request: its arrival time, the name it used for us, where it comes from, its token."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineproof.serve.auth import Token, is_loopback
from lineproof.serve.errors import Refusal, error_response

access_log = logging.getLogger("lineproof.serve.access")

OPEN_PATH = "/v1/health/live"  # the only address that answers without the token
POLLED = ("/v1/stats", "/metrics")  # every few seconds: logged only when refused; health is never logged
_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
LOGGED_PATH_CHARS = 100


@dataclass(frozen=True, slots=True)
class HostNames:
    """The names under which callers may ask for this server; `any_name` where a token protects it anyway."""

    names: frozenset[str]
    any_name: bool = False

    @classmethod
    def of(cls, host: str, allowed: list[str], *, with_token: bool) -> HostNames:
        """Loopback names, the bound address, and what the settings add.

        Without a token any web page could point its own name at 127.0.0.1 and talk to us (DNS rebinding).
        """
        names = frozenset(name.strip("[]").lower() for name in (host, *allowed))
        return cls(names, any_name=with_token and not allowed)

    def know(self, header: bytes | None) -> bool:
        """Whether a Host header names this server; HTTP/1.0 callers send none, browsers always do."""
        if self.any_name or not header:
            return True
        name = _host_name(header)
        return name in self.names or is_loopback(name)


def _host_name(header: bytes) -> str:
    """The name in a Host header, without port and brackets; "" for one that is no host."""
    try:
        return (urlsplit("//" + header.decode("ascii")).hostname or "").lower()
    except ValueError:  # undecodable, or brackets that do not close
        return ""


def _origin_host(header: bytes) -> bytes:
    """Host and port of an Origin header; "null" and nonsense have none, and match nobody."""
    scheme, _, place = header.lower().partition(b"://")
    return place if scheme in {b"http", b"https"} and place else b"null"


class Guard:
    """ASGI middleware; a refusal never reaches the routes."""

    def __init__(
        self, app: ASGIApp, *, token: Token | None, hosts: HostNames, on_refusal: Callable[[Refusal], None]
    ) -> None:
        """Wrap an app; `on_refusal` counts."""
        self.app = app
        self.token = token
        self.hosts = hosts
        self.on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through with its arrival time stamped, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        arrived_ns = time.monotonic_ns()
        scope["arrived_ns"] = arrived_ns
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        refusal = self._refuse(scope)
        if refusal is None:
            await self.app(scope, receive, answer)
        else:
            self.on_refusal(refusal)
            await error_response(refusal)(scope, receive, answer)
        _log(scope, status, (time.monotonic_ns() - arrived_ns) / 1e6)

    def _refuse(self, scope: Scope) -> Refusal | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host")
        if not self.hosts.know(host):
            return Refusal(
                "unknown_host",
                "this server is not known by the name in the URL",
                hint="add the name to serve.allowed_hosts in the line file, or use the address it is bound to",
            )
        origin = headers.get(b"origin")
        if origin is not None and _origin_host(origin) != (host or b"").lower():
            return Refusal("cross_origin", "a web page of another site sent this", hint="call from a program instead")
        if self.token is not None and scope["path"] != OPEN_PATH:
            return self.token.check(headers.get(b"authorization"))
        return None


def _log(scope: Scope, status: int, took_ms: float) -> None:
    """One line per request: no query, no header, so no token; a path cannot break the line."""
    path = scope["path"]
    if path.startswith("/v1/health/") or (status < 400 and path.startswith(POLLED)):
        return
    client = (scope.get("client") or ("?",))[0]
    shown = path[:LOGGED_PATH_CHARS].encode("unicode_escape").decode("ascii")
    access_log.info("%s %s %s %d %.1f ms", client, scope["method"], shown, status, took_ms)
