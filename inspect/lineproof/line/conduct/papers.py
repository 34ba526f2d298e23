"""What goes into the records of one part: a row for each view, under the trigger that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lineproof.core import Decision, Detections, Frame, Image, Inspection, Provenance, Verdict
from lineproof.core.station import PartResult
from lineproof.records.cycle import Cycle, Moment


@dataclass(slots=True)
class Papers:
    """What is known of a part until it is answered."""

    seq: int
    triggered: Moment
    exposed: dict[str, int] = field(default_factory=dict)  # view → monotonic ns
    frames: dict[str, Frame] = field(default_factory=dict)
    inspections: dict[str, Inspection] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """For the recorder."""

    inspection: Inspection
    image: Image | None
    cycle: Cycle


def rows_of(
    papers: Papers, result: PartResult, sources: Mapping[str, str], provenance: Provenance, classes: tuple[str, ...]
) -> Iterator[Row]:
    """One row for each view (`sources`: view → source_id).

    What was answered ERROR or MISSED is FAULT in every row, with the reasons of the answer, whatever a view had found.
    """
    answered = Moment.now()
    for view, source_id in sources.items():
        inspection = papers.inspections.get(view) or _not_inspected(
            papers, result, view, source_id, provenance, classes
        )
        if not result.outcome.inspected and inspection.decision is not Decision.FAULT:
            inspection = inspection.with_verdict(Verdict(Decision.FAULT, result.reasons))
        frame, exposed_ns = papers.frames.get(view), papers.exposed.get(view)
        cycle = Cycle(
            result.session,
            result.seq,
            result.outcome,
            papers.triggered,
            answered,
            None if exposed_ns is None else Moment.of(exposed_ns),
        )
        yield Row(inspection, None if frame is None else frame.image, cycle)


def _not_inspected(
    papers: Papers,
    result: PartResult,
    view: str,
    source_id: str,
    provenance: Provenance,
    classes: tuple[str, ...],
) -> Inspection:
    """A view of which no verdict came: FAULT, with its picture where there is one."""
    frame = papers.frames.get(view)
    fault = Verdict(Decision.FAULT, result.reasons)
    if frame is None:
        part_id = result.part_id or f"{result.session:08x}-{result.seq}"
        return Inspection(part_id, view, source_id, fault, Detections.empty(), classes, provenance)
    return Inspection(
        part_id=frame.part_id,
        view=view,
        source_id=frame.source_id,
        verdict=fault,
        detections=Detections.empty(),
        classes=classes,
        provenance=provenance,
        image_wh=frame.wh,
        origin=frame.origin,
        grabbed_at=frame.grabbed_at,
        grabbed_ns=frame.grabbed_ns,
    )
