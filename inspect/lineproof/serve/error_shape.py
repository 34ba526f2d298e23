"""One shape for every error of an app, ours and the framework's."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from lineproof.serve.errors import Refusal, code_of_status, error_response, explain_validation


def answer_errors(app: FastAPI, count: Callable[[str], None]) -> None:
    """Answer every error in the shape of `serve.errors`; `count` is told its code."""

    def answer(request: Request, refusal: Refusal) -> Response:
        if not request.url.path.startswith("/v1/health/"):  # asking whether it is ready is no request refused
            count(refusal.code)
        return error_response(refusal)

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        hint = "part_id and view: 1 to 64 of A-Z a-z 0-9 . _ -; nothing else goes into the query"
        return answer(request, Refusal("invalid_request", explain_validation(error.errors()), hint=hint))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        words = {404: "no such address", 405: f"{request.method} is not allowed here"}
        message = words.get(error.status_code, str(error.detail))
        code, hint = code_of_status(error.status_code), "see /docs for all addresses"
        return answer(request, Refusal(code, message, hint=hint, headers=error.headers))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        message = f"internal error: {type(error).__name__}"
        hangs_up = {"Connection": "close"}  # uvicorn does after a traceback, so the caller should know
        return answer(request, Refusal("internal", message, hint="see the server's log", headers=hangs_up))
