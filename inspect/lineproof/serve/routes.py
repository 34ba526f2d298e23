"""The addresses of DESIGN §8; each answers through the Door and knows nothing else.

The one that decides is answered by `hot.HotPath`, without the framework's half a millisecond; here it is described.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from lineproof import __version__
from lineproof.core.decode import FORMATS
from lineproof.serve.door import Door
from lineproof.serve.errors import CODES
from lineproof.serve.form import FIELD
from lineproof.serve.metrics import CONTENT_TYPE
from lineproof.serve.pixels import EXAMPLE_TYPE, NDARRAY_TYPE
from lineproof.serve.schemas import (
    EXAMPLE,
    BundleFacts,
    BundleOut,
    ErrorOut,
    InspectionOut,
    InspectQuery,
    LiveOut,
    ReadyOut,
    StatsOut,
)

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD = {
    "requestBody": {
        "required": True,
        "description": "The picture, 8-bit, grey or RGB; its own first bytes decide what it is, not the content type. "
        "Or its pixels, uint8 in C order, rows from the top, nothing before or after them: then the content type says "
        f"what they are, as in `{EXAMPLE_TYPE}`. `shape` is height, width and 3 (`order` BGR or RGB), or height and width "
        "(grey).",
        "content": {
            **{f"image/{kind.lower()}": _BYTES for kind in FORMATS},
            "application/octet-stream": _BYTES,
            NDARRAY_TYPE: _BYTES,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                    "additionalProperties": False,
                }
            },
        },
    }
}
_REPEATED = {
    "Inspection-Repeated": {
        "description": "`true` when this inspection was made for an earlier request with the same part_id and view.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


def errors(*codes: str) -> dict[int | str, dict[str, object]]:
    """The OpenAPI responses of some error codes."""
    found: dict[int | str, dict[str, object]] = {}
    for code in codes:
        status, meaning = CODES[code]
        said = f"{found[status]['description']}; " if status in found else ""
        found[status] = {"model": ErrorOut, "description": f"{said}`{code}`: {meaning}"}
    return found


def inspect_routes() -> APIRouter:
    """The one address that decides, as the OpenAPI document shows it."""
    router = APIRouter(prefix="/v1", tags=["Inspect"])

    @router.post(
        "/inspect",
        response_model=InspectionOut,
        openapi_extra=_UPLOAD,
        responses={
            200: {
                "description": "The decision about the part. Only PASS is a pass.",
                "headers": _REPEATED,
                "content": {"application/json": {"example": EXAMPLE}},
            },
            **errors(
                "not_an_image", "bad_multipart", "incomplete_upload", "slow_upload", "part_conflict", "upload_too_large",
                "image_too_large", "unsupported_media_type", "invalid_request", "queue_full", "not_ready", "deadline",
            ),
        },
    )  # fmt: skip
    async def inspect_part(query: Annotated[InspectQuery, Query()]) -> None:
        """Inspect one picture of one part.

        Send the image bytes as the body, a form with one file named `image`, or bare pixels. Sent again with the same
        `part_id` and `view` within the window, the same inspection comes back, with the same `inspection_id`, also when
        the first request is still running; other bytes under the same names are refused with 409. A failing engine
        answers 200 with decision FAULT. After a 504 the part is recorded as FAULT, and may be sent again for a fresh
        inspection.
        """

    return router


def health_routes(door: Door) -> APIRouter:
    """For whoever starts, stops and watches the server."""
    router = APIRouter(prefix="/v1/health", tags=["Health"])

    @router.get("/live", response_description="It answers.")
    async def live() -> LiveOut:
        """Whether the process answers; the only address that never asks for the token."""
        return LiveOut(version=__version__)

    @router.get("/ready", response_description="Inspections are answered.", responses=errors("not_ready"))
    async def ready() -> ReadyOut:
        """Whether inspections are answered: bundle verified, engine warmed up, probes agree on this hardware."""
        facts = door.facts()
        bundle = BundleOut(name=facts.name, digest=facts.digest)
        return ReadyOut(bundle=bundle, provider=facts.provider, fallback=facts.fallback)

    return router


def facts_routes(door: Door) -> APIRouter:
    """What runs, and how it does."""
    router = APIRouter(tags=["Facts"])

    @router.get("/v1/bundle", response_description="What decides.", responses=errors("not_ready"))
    async def bundle() -> BundleFacts:
        """The bundle that decides: classes, thresholds, digest, the sealed manifest."""
        return door.facts()

    @router.get("/v1/stats", response_description="Since the start.")
    async def stats() -> StatsOut:
        """Counts by decision, latencies by stage, queue, refused requests."""
        return door.statistics()

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        """The same for Prometheus; no series per part."""
        return Response(door.metrics.text(), media_type=CONTENT_TYPE)

    return router
