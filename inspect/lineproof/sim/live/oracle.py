"""What the controllers did beside what the line recorded: every way in which a part may not have been let through.

It shares no code with the line's decision: rows come from the database, fates from the controllers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lineproof.core import Decision
from lineproof.core.station import Outcome
from lineproof.records.model import InspectionRow
from lineproof.rules.fusion import needed
from lineproof.sim.live.campaign import Played
from lineproof.sim.live.controller import Fate
from lineproof.sim.live.plan import Plan

# Answers go to the wire first and to the disk after; a killed process takes with it what was not written yet: the last
# rows of its session and no others, one batch with its pictures on a slow disk.
LOST_WITH_KILL_S = 5.0
INSPECTED = [outcome for outcome in Outcome if outcome.inspected]

Key = tuple[int, int]  # session, seq
IsGood = Callable[[str], bool | None]  # by where a picture came from; None: not known


@dataclass(slots=True)
class Judgement:
    """What was found; each entry is a sentence that names the part."""

    wrong_pass: list[tuple[Fate, str]] = field(default_factory=list)  # let through, and nothing says it may be
    contradicted: list[str] = field(default_factory=list)  # the controller read one answer, the record says another
    answered_twice: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)  # triggered while nothing was wrong, and not recorded
    fates: list[str] = field(default_factory=list)  # parts with no fate, or with two
    lost_with_kill: list[str] = field(default_factory=list)  # answered just before a SIGKILL, their rows lost with it
    outcomes: Counter[str] = field(default_factory=Counter)  # of the recorded triggers
    latencies_ms: list[float] = field(default_factory=list)  # trigger to result, of inspected parts
    good_passed: int = 0  # the model against the truth of the pictures
    good_rejected: int = 0
    bad_rejected: int = 0
    escapes: list[str] = field(default_factory=list)  # bad parts that the model calls good: no illegal PASS
    unknown: int = 0  # inspected parts of which the dataset knows nothing

    @property
    def safe(self) -> bool:
        """Nothing was found that may never be."""
        return not (self.wrong_pass or self.contradicted or self.answered_twice or self.unanswered or self.fates)


def judge(plan: Plan, played: Played, rows: Iterable[InspectionRow], is_good: IsGood | None = None) -> Judgement:
    """Hold every fate against the rows of this run, which are told apart by session and sequence number."""
    found = Judgement()
    by_trigger: dict[Key, list[InspectionRow]] = defaultdict(list)
    for row in rows:
        if row.session is not None and row.seq is not None:
            by_trigger[row.session, row.seq].append(row)
    for key, written in by_trigger.items():
        _judge_trigger(key, written, found)
    for fate in played.fates:
        written = by_trigger.get((fate.session, fate.seq), [])
        if written:
            _judge_fate(plan, fate, written, found)
        else:
            _judge_unrecorded(played, fate, by_trigger, found)
    _judge_counts(played, found)
    if is_good is not None:
        _judge_model(played, by_trigger, is_good, found)
    return found


def _judge_trigger(key: Key, written: Sequence[InspectionRow], found: Judgement) -> None:
    """One outcome, and one row for each view."""
    outcomes = {row.outcome for row in written}
    views = Counter(row.view for row in written)
    if len(outcomes) > 1 or max(views.values()) > 1:
        told = ", ".join(f"{row.view} {row.outcome}" for row in written)
        found.answered_twice.append(f"trigger {key[1]} of session {key[0]:08x}: {told}")
    if Outcome.PASS in outcomes and any(row.decision == Decision.FAULT for row in written):
        found.contradicted.append(f"trigger {key[1]} of session {key[0]:08x}: PASS, and not every view was inspected")
    row = written[0]
    found.outcomes[str(row.outcome)] += 1
    if row.outcome in INSPECTED and row.result_ns is not None and row.triggered_ns is not None:
        found.latencies_ms.append((row.result_ns - row.triggered_ns) / 1e6)


def _judge_unrecorded(played: Played, fate: Fate, by_trigger: Mapping[Key, object], found: Judgement) -> None:
    """Nothing says that a part may pass; and a trigger that was heard must be answered."""
    name = name_of(fate)
    killed = any(0 <= killed_ns - fate.at_ns <= LOST_WITH_KILL_S * 1e9 for killed_ns in played.killed_ns)
    last = not any(session == fate.session and seq > fate.seq for session, seq in by_trigger)
    if killed and last and (fate.read is not None or not fate.fault):
        found.lost_with_kill.append(f"{name}, {fate.read or 'read too late'}")
    elif fate.passed:
        found.wrong_pass.append((fate, f"{name}: let through, and there is no record of it"))
    elif fate.read is not None or not (fate.fault or fate.wire_lost or played.ended_early):
        found.unanswered.append(f"{name}: its trigger is not in the records")


def _judge_fate(plan: Plan, fate: Fate, written: Sequence[InspectionRow], found: Judgement) -> None:
    """What the controller read is what was recorded, and what it let through may pass."""
    name, recorded = name_of(fate), written[0].outcome
    if fate.read is not None and fate.read != recorded:
        found.contradicted.append(f"{name}: the controller read {fate.read}, the record says {recorded}")
    if fate.passed:
        why = why_not(plan, fate, written)
        if why:
            found.wrong_pass.append((fate, f"{name}: let through, but {why}"))


def why_not(plan: Plan, fate: Fate, written: Sequence[InspectionRow]) -> str:
    """Why these rows do not allow a part to pass; "" when they do."""
    station = plan.stations[fate.station]
    views, had = sorted(camera.view for camera in station.cameras), sorted(row.view for row in written)
    if had != views:
        return f"there are rows of {', '.join(had)} instead of {', '.join(views)}"
    against = next(filter(None, (_against(fate, row) for row in written)), "")
    if against:
        return against
    rejecting = [row.view for row in written if row.decision != Decision.PASS]
    return f"{', '.join(rejecting)} rejected it" if len(rejecting) >= needed(station.fusion, len(views)) else ""


def _against(fate: Fate, row: InspectionRow) -> str:
    """Why one view's row alone forbids it."""
    if row.outcome != Outcome.PASS:
        return f"{row.view} is recorded as {row.outcome}"
    if row.part_id != fate.part_id:
        return f"the record of {row.view} is about part {row.part_id}"
    if row.decision == Decision.FAULT:
        return f"{row.view} was not inspected"
    if row.decision == Decision.PASS and row.reasons:
        return f"{row.view} has a reason against it: {row.reasons[0]['text']}"
    return ""


def _judge_counts(played: Played, found: Judgement) -> None:
    """Every part that was let in has one fate."""
    had = Counter((fate.station, fate.number) for fate in played.fates)
    for station, offered in played.offered.items():
        for number in range(1, offered + 1):
            if had[station, number] != 1:
                found.fates.append(f"part {number} of {station} has {had[station, number]} fates")
    used = Counter((fate.station, fate.session, fate.seq) for fate in played.fates)
    found.fates += [
        f"trigger {seq} of {station} stands for {n} parts" for (station, _, seq), n in used.items() if n > 1
    ]


def _judge_model(
    played: Played, by_trigger: Mapping[Key, Sequence[InspectionRow]], is_good: IsGood, found: Judgement
) -> None:
    """The pictures' truth: a part is bad when one of its pictures is."""
    for fate in played.fates:
        written = by_trigger.get((fate.session, fate.seq), ())
        if not written or written[0].outcome not in INSPECTED:
            continue
        known = [is_good(row.origin) for row in written]
        if None in known:
            found.unknown += 1
        elif all(known):
            found.good_passed += fate.passed
            found.good_rejected += not fate.passed
        elif fate.passed:
            found.escapes.append(f"{name_of(fate)}: {', '.join(row.origin.rpartition('/')[2] for row in written)}")
        else:
            found.bad_rejected += 1


def name_of(fate: Fate) -> str:
    """How a part is named to people."""
    return f"part {fate.number} of {fate.station} (trigger {fate.seq}{f', {fate.fault}' if fate.fault else ''})"
