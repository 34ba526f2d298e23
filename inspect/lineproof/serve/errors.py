"""Every answer that is not an inspection: one table of codes, one shape `{error: {code, message, hint}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from lineproof.errors import LineproofError

# code → status and what it means; the documentation page and the metrics are made from this table
CODES: dict[str, tuple[int, str]] = {
    "not_an_image": (400, "the bytes are no intact 8-bit grey or RGB picture"),
    "bad_multipart": (400, "the multipart body cannot be read"),
    "incomplete_upload": (400, "the caller hung up before the image was complete"),
    "bad_request": (400, "the request is not valid HTTP"),
    "unknown_host": (400, "the URL names this server by a name it does not know"),
    "token_missing": (401, "no access token was sent"),
    "token_wrong": (403, "the access token is not the right one"),
    "cross_origin": (403, "a web page of another site sent this"),
    "not_found": (404, "no such address"),
    "method_not_allowed": (405, "the address exists, but not for this method"),
    "slow_upload": (408, "the image did not come in within the upload time"),
    "part_conflict": (409, "this part_id and view were just inspected with other bytes"),
    "upload_too_large": (413, "more bytes than allowed; counted while they stream"),
    "image_too_large": (413, "more pixels than allowed; told from the header"),
    "unsupported_media_type": (415, "neither image bytes nor multipart/form-data"),
    "invalid_request": (422, "a query parameter or form field is wrong, unknown or missing"),
    "queue_full": (429, "too many images are waiting; Retry-After says when to come back"),
    "internal": (500, "a mistake in lineproof; the server's log has the traceback"),
    "not_ready": (503, "no verified, warmed-up model (yet)"),
    "deadline": (504, "no verdict in time: treat the part as FAULT"),
}


class Refusal(LineproofError):
    """A request that gets no inspection; `code` is one of CODES."""

    def __init__(self, code: str, message: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = CODES[code][0]
        self.headers = dict(headers or {})


def error_body(code: str, message: str, hint: str = "") -> bytes:
    """The JSON document of an error."""
    return json.dumps({"error": {"code": code, "message": message, "hint": hint}}, ensure_ascii=False).encode()


def error_response(refusal: Refusal) -> Response:
    """A refusal as it goes out."""
    body = error_body(refusal.code, refusal.message, refusal.hint)
    return Response(body, refusal.status, refusal.headers, "application/json")


def code_of_status(status: int) -> str:
    """The code for a status that the framework chose."""
    for code, preferred in (("not_found", 404), ("method_not_allowed", 405), ("invalid_request", 422)):
        if status == preferred:
            return code
    return "internal" if status >= 500 else "bad_request"


def explain_validation(problems: Sequence[Mapping[str, object]]) -> str:
    """Validation problems in one line: `part_id: String should match pattern …`."""
    lines = []
    for problem in problems:
        where = problem.get("loc")
        names = (
            [str(name) for name in where if name not in {"query", "body"}] if isinstance(where, tuple | list) else []
        )
        lines.append(f"{'.'.join(names) or 'request'}: {problem.get('msg')}")
    return "; ".join(lines)
