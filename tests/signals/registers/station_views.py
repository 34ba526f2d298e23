"""Views and blocks for the register tests."""

from __future__ import annotations

from hypothesis import strategies as st

from lineproof.core.station import Counters, Outcome, PartResult, State, StationView

UINT16 = st.integers(0, 0xFFFF)
UINT32 = st.integers(0, 0xFFFFFFFF)
FIGURES = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.sampled_from(["", "ring-0008", "longer than sixteen", "Öl\n\0", "x" * 16])

RESULTS = st.builds(
    PartResult,
    session=st.integers(0, 3),
    seq=st.integers(0, 5) | UINT32,
    part_id=TEXTS,
    outcome=st.sampled_from(Outcome),
    reason_code=st.integers(-1, 70_000),
    defects=st.integers(0, 10**6),
    top_class=UINT16,
    top_score=FIGURES,
    worst_size_um=st.integers(0, 2**40),
    latency_ms=FIGURES,
    frame_age_ms=FIGURES,
    model_id=st.sampled_from(["", "ab" * 32, "no digest"]),
    recipe=UINT16,
)
VIEWS = st.builds(
    StationView,
    session=st.integers(0, 3),
    state=st.sampled_from(State),
    result=st.none() | RESULTS,
    ready=st.booleans(),
    triggered=st.booleans(),
    result_overrun=st.booleans(),
    drift=st.booleans(),
    fault_code=UINT16,
    heartbeat=st.integers(0, 2**20),
    part_id=TEXTS,
    recipe=UINT16,
    counters=st.builds(Counters, *[st.integers(0, 2**33)] * 4),
)


def shown(seq: int, outcome: Outcome = Outcome.PASS, session: int = 7, **facts: object) -> StationView:
    """A station that shows one result."""
    return StationView(session, State.READY, PartResult(session, seq, f"part-{seq}", outcome, **facts))
