"""How a line decides, as written in a line file."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lineproof.settings import StrictModel

Policy = Literal["newest", "queue"]


class LineSettings(StrictModel):
    """Trigger, deadline and budgets."""

    trigger: Literal["free_running", "each_frame"] = Field(
        default="free_running",
        description="`free_running`: the newest frame is inspected, older ones are dropped and counted; "
        "`each_frame`: every frame is a part and gets its answer, nothing may be dropped",
    )
    deadline_ms: float = Field(default=1000, ge=1, description="from grab to answer; later is FAULT")
    reserve_ms: float = Field(default=5, ge=0, description="of the deadline, kept for sending the answer")
    queue: int = Field(
        default=8, ge=1, le=1000, description="each_frame: parts that may wait; one more is FAULT at once"
    )
    heartbeat_ms: float = Field(default=100, ge=10, description="between two heartbeats, while all is well")
    signal_hold_ms: float = Field(default=1000, ge=0, description="no heartbeat for so long after a failed send")
    hung_ms: float | None = Field(
        default=None, gt=0, description="an inference running longer is given up; default: three deadlines"
    )
    restarts: int = Field(default=3, ge=0, description="fresh inference threads within restart_window_s; then FAULT")
    restart_window_s: float = Field(default=300, gt=0, description="the window of `restarts`")

    @model_validator(mode="after")
    def _time_to_decide(self) -> Self:
        if self.reserve_ms >= self.deadline_ms:
            raise ValueError(f"reserve_ms {self.reserve_ms:g} leaves nothing of deadline_ms {self.deadline_ms:g}")
        if self.hung_ms is not None and self.hung_ms < self.deadline_ms:
            raise ValueError(f"hung_ms {self.hung_ms:g} is below deadline_ms {self.deadline_ms:g}")
        return self

    @property
    def policy(self) -> Policy:
        """The handoff policy that the trigger implies."""
        return "newest" if self.trigger == "free_running" else "queue"

    @property
    def hung_after_ms(self) -> float:
        """Running time after which an inference is given up."""
        return 3 * self.deadline_ms if self.hung_ms is None else self.hung_ms
