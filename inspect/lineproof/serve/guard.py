"""Before anything else sees a request: its arrival time, the name it used for us, where it comes from, its token."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineproof.serve.access import AccessLog
from lineproof.serve.auth import Tokens, is_loopback
from lineproof.serve.errors import Refusal, error_response

OPEN_PATH = "/v1/health/live"  # the only address that answers without the token
POLLED = ("/v1/stats", "/metrics")  # every few seconds: logged only when refused; health is never logged
_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
MAX_KNOWN = 256  # Host headers remembered as known; callers use a handful


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
    """ASGI middleware; a refusal never reaches the routes.

    What it finds out goes along in the scope: `arrived_ns`, `caller` (the name of the token) and `headers_by_name`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens | None,
        hosts: HostNames,
        log: AccessLog,
        on_refusal: Callable[[Refusal], None],
    ) -> None:
        """Wrap an app; `on_refusal` counts."""
        self.app = app
        self.tokens = tokens
        self.hosts = hosts
        self.log = log
        self.on_refusal = on_refusal
        self._known_hosts: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through with its arrival time stamped, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        arrived_ns = time.monotonic_ns()
        scope["arrived_ns"] = arrived_ns
        scope["caller"] = ""
        scope["headers_by_name"] = headers = dict(scope["headers"])
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            self._check(scope, headers)
        except Refusal as refusal:
            self.on_refusal(refusal)
            await error_response(refusal)(scope, receive, answer)
        else:
            await self.app(scope, receive, answer)
        self._note(scope, status, (time.monotonic_ns() - arrived_ns) / 1e6)

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Raise Refusal for a wrong name, another site's page, or a missing or wrong token."""
        host = headers.get(b"host")
        if not self._knows(host):
            raise Refusal(
                "unknown_host",
                "this server is not known by the name in the URL",
                hint="add the name to serve.allowed_hosts in the line file, or use the address it is bound to",
            )
        origin = headers.get(b"origin")
        if origin is not None and _origin_host(origin) != (host or b"").lower():
            raise Refusal("cross_origin", "a web page of another site sent this", hint="call from a program instead")
        if self.tokens is not None and scope["path"] != OPEN_PATH:
            scope["caller"] = self.tokens.caller(headers.get(b"authorization"))

    def _knows(self, host: bytes | None) -> bool:
        if host in self._known_hosts:
            return True
        known = self.hosts.know(host)
        if known and host is not None and len(self._known_hosts) < MAX_KNOWN:
            self._known_hosts.add(host)
        return known

    def _note(self, scope: Scope, status: int, took_ms: float) -> None:
        path = scope["path"]
        if path.startswith("/v1/health/") or (status < 400 and path.startswith(POLLED)):
            return
        client = (scope.get("client") or ("?",))[0]
        self.log.note(client, scope["caller"], scope["method"], path, status, took_ms)
