"""POST /v1/inspect, answered without the framework: routing and validation took longer than the rules do."""

from __future__ import annotations

from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from lineproof.serve.door import Asked, Door
from lineproof.serve.errors import Refusal, error_response, explain_validation
from lineproof.serve.idempotency import Answer
from lineproof.serve.schemas import InspectQuery

PATH = "/v1/inspect"
QUERY_HINT = "part_id and view: 1 to 64 of A-Z a-z 0-9 . _ -; nothing else goes into the query"
_JSON = (b"content-type", b"application/json")
_REPEATED = (b"inspection-repeated", b"true")


class HotPath:
    """ASGI middleware behind the Guard: answers the one address that decides, hands on all others."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        """Wrap an app."""
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An inspection, or the refusal that came in its place."""
        if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) != PATH:
            await self.app(scope, receive, send)
            return
        try:
            answer, repeated = await self.door.inspect(_asked(scope, receive))
        except Refusal as refusal:
            self.door.stats.refused(refusal.code)
            await error_response(refusal)(scope, receive, send)
        else:
            await _send(answer, send, repeated=repeated)


def _asked(scope: Scope, receive: Receive) -> Asked:
    """What a request asks for; raises Refusal (405 or 422)."""
    if scope["method"] != "POST":
        hint = "see /docs for all addresses"
        message = f"{scope['method']} is not allowed here"
        raise Refusal("method_not_allowed", message, hint=hint, headers={"Allow": "POST"})
    client = scope.get("client")
    return Asked(
        query=_query(scope["query_string"]),
        headers=scope["headers_by_name"],
        receive=receive,
        arrived_ns=scope["arrived_ns"],
        caller=scope["caller"],
        origin=client[0] if client else "",
    )


def _query(text: bytes) -> InspectQuery:
    try:
        return InspectQuery.model_validate(dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)))
    except ValidationError as error:
        problems = [{**problem} for problem in error.errors(include_url=False)]
        raise Refusal("invalid_request", explain_validation(problems), hint=QUERY_HINT) from None


async def _send(answer: Answer, send: Send, *, repeated: bool) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(answer.body))]
    if repeated:
        headers.append(_REPEATED)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
