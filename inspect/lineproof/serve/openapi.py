"""What the OpenAPI document says beyond the routes: limits of this server, the error table, the token."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from lineproof.serve.errors import CODES
from lineproof.serve.guard import OPEN_PATH
from lineproof.serve.settings import ServeSettings


def describe(app: FastAPI, settings: ServeSettings, *, hot: APIRouter, with_token: bool) -> None:
    """Make `/openapi.json` complete: made once, on the first request for it; `hot` is answered beside the routes."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title="lineproof",
                version=app.version,
                routes=[*hot.routes, *app.routes],
                description=_introduction(settings),
            )
            found["x-error-codes"] = {
                code: {"status": status, "meaning": text} for code, (status, text) in CODES.items()
            }
            if with_token:
                _add_token(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the way FastAPI documents


def _introduction(settings: ServeSettings) -> str:
    return (
        "Send a picture of a part, get a decision: `PASS`, `FAIL`, `REVIEW` (the model cannot tell, a person must) or "
        "`FAULT` (no valid inspection happened). Only `PASS` is a pass; treat everything else, every error and every "
        "silence as reject.\n\n"
        f"This server answers within {settings.deadline_ms:g} ms or says 504, lets {settings.queue} images wait before "
        f"it says 429, takes uploads up to {settings.max_body_mb:g} MB and {settings.max_megapixels:g} megapixels, and "
        f"repeats an inspection for {settings.repeat_window_s:g} s. Every error is "
        "`{error: {code, message, hint}}`."
    )


def _add_token(document: dict[str, Any]) -> None:
    """The bearer scheme, and what a missing or wrong token is answered with, on all but the open address."""
    document.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "the access token of this server"}
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}
    for path, operations in document["paths"].items():
        if path == OPEN_PATH:
            continue
        for operation in operations.values():
            operation["security"] = [{"token": []}]
            for code in ("token_missing", "token_wrong"):
                status, meaning = CODES[code]
                operation["responses"][str(status)] = {"description": f"`{code}`: {meaning}", "content": content}
