"""The one terminal answer to the part under way."""

from __future__ import annotations

from dataclasses import replace

from lineproof.core.codes import Cause, FaultCode
from lineproof.core.station import Counters, Outcome, PartResult
from lineproof.core.verdict import Decision, Reason
from lineproof.line.station.events import Abandon, Answered, Finding
from lineproof.line.station.station import Station, Step


def decide(station: Station, finding: Finding, now_ns: int) -> Step:
    """What the verdict on the part under way means."""
    if finding.decision is Decision.FAULT:
        return _answer(station, Outcome.ERROR, Cause.ENGINE, finding, now_ns)
    terms = station.terms
    if finding.decision is Decision.PASS and terms.simulation and not terms.pass_in_simulation:
        reason = Reason("simulation", "a simulated part cannot pass")
        return _answer(station, Outcome.ERROR, Cause.SIMULATION, replace(finding, reasons=(reason,)), now_ns)
    outcome = Outcome(finding.decision.value)
    wrong = _wrong(station, outcome)
    station = _checked(station, outcome, now_ns)
    if wrong:
        unfit = Finding(Decision.FAULT, (Reason("challenge", wrong),))
        return _answer(station, Outcome.ERROR, Cause.CHALLENGE, unfit, now_ns)
    cause = 0 if outcome is Outcome.PASS else Cause.REJECTED
    return _answer(station, outcome, cause, finding, now_ns)


def _wrong(station: Station, outcome: Outcome) -> str:
    """Why a verdict must not be answered, by what is known of the part; "" when it may be."""
    part, known = station.part, station.terms.known_parts.expected
    if part is None:
        return ""
    must_be = known.get(part.part_id)
    if must_be is None:
        name = part.part_id or "a part without a name"
        return f"{name} is none of the known parts, and only those are inspected now" if part.only_known else ""
    return "" if outcome is must_be else f"{part.part_id} is known to be {must_be} and was judged {outcome}"


def _checked(station: Station, outcome: Outcome, now_ns: int) -> Station:
    """What the verdict says of the station; a known part that is judged wrong stops it."""
    part, known = station.part, station.terms.known_parts
    if part is None or not known.asked:
        return station
    station = replace(station, check=station.check.judged(known, part.part_id, outcome, now_ns))
    if known.expected.get(part.part_id, outcome) is outcome:
        return station
    return replace(station, faults=station.faults | {FaultCode.GOLDEN_FAILED})


def lose(station: Station, cause: Cause, text: str, now_ns: int) -> Step:
    """The part under way, if there is one, gets ERROR."""
    part = station.part
    if part is None:
        return Step(station)
    lost = Finding(Decision.FAULT, (Reason(cause.name.lower(), text),))
    after = _answer(station, Outcome.ERROR, cause, lost, now_ns)
    return Step(after.station, (*after.effects, Abandon(part.seq)))


def _answer(station: Station, outcome: Outcome, cause: int, finding: Finding, now_ns: int) -> Step:
    """The one terminal answer to the part under way; it is shown unless a newer one stands there."""
    part = station.part
    if part is None:
        return Step(station)
    first_exposed = min(part.exposed.values(), default=now_ns)
    result = PartResult(
        station.session,
        part.seq,
        part.part_id,
        outcome,
        finding.reasons,
        int(cause),
        finding.defects,
        finding.top_class,
        finding.top_score,
        finding.worst_size_um,
        latency_ms=(now_ns - part.triggered_ns) / 1e6,
        frame_age_ms=(now_ns - first_exposed) / 1e6,
        model_id=part.model_id,
        ruleset_id=part.ruleset_id,
        recipe=part.recipe,
    )
    return Step(replace(station, part=None, shown=result, counters=_counted(station, outcome)), (Answered(result),))


def _counted(station: Station, outcome: Outcome) -> Counters:
    counters = station.counters
    if outcome is Outcome.PASS:
        return replace(counters, passed=counters.passed + 1)
    if outcome is Outcome.ERROR:
        return replace(counters, errors=counters.errors + 1)
    return replace(counters, failed=counters.failed + 1)
