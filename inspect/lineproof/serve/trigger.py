"""POST /v1/trigger: the next picture is the camera's, the answer is the caller's."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lineproof.core.station import PartResult
from lineproof.errors import SignalError
from lineproof.serve.errors import Refusal
from lineproof.serve.routes import errors
from lineproof.serve.schemas import Name, ReasonOut

GRACE_S = 0.25  # the station answers at the deadline itself; so long this answer may be on its way


class Shot(Protocol):
    """A trigger that was fired."""

    def wait(self, timeout_s: float) -> PartResult | None:
        """Its one answer, None when there was none in time; raises SignalError when there will be none."""


class Fires(Protocol):
    """A station that programs may trigger, e.g. `line.triggers.software.SoftwareTrigger`."""

    def fire(self, part_id: str = "", *, deadline_ms: int = 0) -> Shot | None:
        """Trigger it; None: another part is under way. Raises SignalError when it cannot take one. Returns at once."""


class TriggerQuery(BaseModel):
    """The query of POST /v1/trigger."""

    model_config = ConfigDict(extra="forbid")

    part_id: Name | None = Field(default=None, description="which physical part; in the records", examples=["4711"])
    deadline_ms: int | None = Field(
        default=None, ge=1, le=600_000, description="from trigger to answer; the line file's, where that is shorter"
    )


class TriggerOut(BaseModel):
    """The one answer to a trigger."""

    model_config = ConfigDict(extra="forbid")

    session: int = Field(description="random for each start of the station; with `seq` the key of this answer")
    seq: int = Field(description="number of the trigger in its session")
    part_id: str
    decision: Literal["PASS", "FAIL", "REVIEW", "FAULT"] = Field(description="everything but PASS means reject")
    outcome: Literal["PASS", "FAIL", "REVIEW", "ERROR", "MISSED"] = Field(
        description="ERROR and MISSED are both FAULT: no valid inspection, no inspection at all"
    )
    reasons: list[ReasonOut] = Field(description="empty for PASS")
    latency_ms: float = Field(description="trigger to result")


def trigger_routes(station: Fires, deadline_ms: float, prefix: str = "/v1") -> APIRouter:
    """The address that triggers; `deadline_ms` is the line file's, after which the station has answered."""
    router = APIRouter(prefix=prefix, tags=["Trigger"])

    @router.post(
        "/trigger",
        response_description="The decision about the part in front of the camera. Only PASS is a pass.",
        responses=errors("part_conflict", "invalid_request", "not_ready", "deadline"),
    )
    async def trigger(query: Annotated[TriggerQuery, Query()]) -> TriggerOut:
        """Inspect the part that is in front of the camera now.

        Every call that is not refused is a trigger of its own, with a number of its own: nothing is repeated, also not
        for the same `part_id`. Treat every status but 200, and every silence, as reject.
        """
        least_ms = min(deadline_ms, query.deadline_ms or deadline_ms)
        try:
            shot = station.fire(query.part_id or "", deadline_ms=query.deadline_ms or 0)
            if shot is None:
                raise Refusal(
                    "part_conflict", "another part is under way", hint="wait for its answer, then trigger again"
                )
            result = await run_in_threadpool(shot.wait, least_ms / 1000 + GRACE_S)
        except SignalError as error:
            raise Refusal("not_ready", error.message, hint=error.hint) from None
        if result is None:
            raise Refusal("deadline", f"no answer within {least_ms:g} ms", hint="treat the part as FAULT")
        return _out(result)

    return router


def _out(result: PartResult) -> TriggerOut:
    return TriggerOut(
        session=result.session,
        seq=result.seq,
        part_id=result.part_id,
        decision=result.outcome.decision.value,
        outcome=result.outcome.value,
        reasons=[ReasonOut(rule=one.rule, text=one.text, detection=one.detection) for one in result.reasons],
        latency_ms=round(result.latency_ms, 3),
    )
