"""One station in real time: events into its pure core, effects out of it, the wires before everything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from lineproof.core import Image, Inspection
from lineproof.core.codes import FaultCode
from lineproof.core.station import Acknowledged, Halted, PartResult, ResetAsked, StationView
from lineproof.core.verdict import Decision, Reason
from lineproof.line.conduct.eye import JOIN_S, Eye, Wanted
from lineproof.line.conduct.finding import finding_of
from lineproof.line.conduct.news import Blind, NotTaken, Seeing, Seen, Spoilt
from lineproof.line.conduct.papers import Papers, rows_of
from lineproof.line.conduct.room import NOT_YET, Room
from lineproof.line.conduct.tally import StationTally
from lineproof.line.conduct.wires import Wires
from lineproof.line.engine_room.events import Decides
from lineproof.line.station.events import (
    Abandon,
    Answered,
    Effect,
    Event,
    Expose,
    Exposed,
    FaultGone,
    FaultSeen,
    Finding,
    Inspected,
    Noted,
    Prepare,
    Tick,
    Verified,
)
from lineproof.line.station.machine import step
from lineproof.line.station.station import Station, view_of
from lineproof.records.cycle import Acknowledgement, Cycle, Moment


class PartRecorder(Protocol):
    """Inspections to disk, each under its trigger; never raises, never waits."""

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        """Hand over one row."""

    def acknowledge(self, receipt: Acknowledgement) -> None:
        """The controller has read a result that was put before."""


class Post:
    """Where one station stands; used by the decision loop alone."""

    def __init__(
        self,
        name: str,
        station: Station,
        wires: Wires,
        eyes: Sequence[Eye],
        room: Room,
        recorders: Sequence[PartRecorder],
        *,
        mm_per_px: Mapping[int, float | None],
        clock_ns: Callable[[], int],
    ) -> None:
        """The station's first state, with everything around it; nothing is started yet. `mm_per_px` is by recipe."""
        self.name = name
        self.station = station
        self.tally = StationTally()
        self.recipes: Mapping[int, Decides] = {}  # verified; none while there is no engine
        self._wires = wires
        self._eyes = {eye.sight.view: eye for eye in eyes}
        self._room = room
        self._recorders = recorders
        self._mm_per_px = mm_per_px
        self._clock_ns = clock_ns
        self._papers: Papers | None = None
        self._view: StationView | None = None
        self._blind: dict[str, FaultCode] = {}  # view → why
        self._wire_troubles: dict[str, str] = {}
        self._notes = Noted()
        self._engine_fault: FaultSeen | None = None

    def start(self) -> None:
        """Show the first view, open the cameras."""
        self._show()
        for eye in self._eyes.values():
            eye.start()

    def turn(self) -> None:
        """What the wires brought, then the passing of time."""
        heard = self._wires.hear()
        for command in heard.commands:
            self.tell(command)
        if heard.troubles != self._wire_troubles:
            self._wires_changed(dict(heard.troubles))
        self.tell(Tick())
        self._show()

    def tell(self, event: Event) -> None:
        """One event into the core; its effects, the wires first."""
        before = self.station
        after = step(before, event, self._clock_ns())
        self.station = after.station
        if after.station is not before:
            self._show()
        for effect in after.effects:
            self._do(effect)
        if isinstance(event, Acknowledged) and before.shown is not None and after.station.shown is None:
            self._acknowledged(before.shown)
        if isinstance(event, ResetAsked) and self._engine_fault is not None:  # a reset brings no engine back
            self.tell(self._engine_fault)

    def seen(self, news: Seen) -> None:
        """The frame of a part; the engine has it already."""
        self._keep(news)
        self.tell(Exposed(news.seq, news.view, news.exposed_ns, part_id=news.part_id))

    def not_taken(self, news: NotTaken) -> None:
        """The engine took no job for a frame."""
        self._not_inspected(news.seq, news.view, self._room.trouble or "the engine takes no more")

    def spoilt(self, news: Spoilt) -> None:
        """A frame that nobody may judge by."""
        self._keep(news)
        self.tell(Exposed(news.seq, news.view, news.exposed_ns, intact=False, why=news.why))

    def inspected(self, seq: int, inspection: Inspection) -> None:
        """The engine is through with one view."""
        papers = self._papers
        if papers is None or papers.seq != seq:
            return
        papers.inspections[inspection.view] = inspection
        origin = inspection.provenance
        exposed_ns = papers.exposed.get(inspection.view, 0)
        finding = finding_of(inspection, self._mm_per_px.get(self.station.recipe))
        self.tell(Inspected(seq, inspection.view, exposed_ns, origin.bundle_digest, origin.line_digest, finding))

    def dropped(self, seq: int, view: str) -> None:
        """The engine did not begin with a view in time."""
        self._not_inspected(seq, view, "the engine was busy with other parts")

    def blind(self, news: Blind) -> None:
        """A camera cannot see."""
        self._blind[news.view] = news.code
        self.tell(FaultSeen(news.code, f"{news.view}: {news.why}"))

    def seeing(self, news: Seeing) -> None:
        """A camera sees again; the fault ends with the last camera that had it."""
        code = self._blind.pop(news.view, None)
        if code is not None and code not in self._blind.values():
            self.tell(FaultGone(code))

    @property
    def decides(self) -> Decides:
        """What decides now, or is to."""
        return self.recipes.get(self.station.recipe, NOT_YET)

    def verified(self, recipes: Mapping[int, Decides]) -> None:
        """These bundles may decide, under the line file's rules; that of the active recipe does from now on."""
        self.recipes = recipes
        if self._engine_fault is not None:
            self.tell(FaultGone(self._engine_fault.code))
            self._engine_fault = None
        self._activate(self.station.recipe)

    def engine_lost(self, fault: FaultSeen) -> None:
        """No frame can be inspected."""
        self._engine_fault = fault
        self.tell(fault)

    def storage(self, trouble: str, *, required: bool) -> None:
        """What is wrong with the records; where they are required no part is inspected without them."""
        self.note(storage_degraded=bool(trouble))
        known = FaultCode.STORAGE_REQUIRED in self.station.faults
        if required and trouble and not known:
            self.tell(FaultSeen(FaultCode.STORAGE_REQUIRED, trouble))
        elif known and not trouble:
            self.tell(FaultGone(FaultCode.STORAGE_REQUIRED))

    def note(self, **flags: bool) -> None:
        """Flags of the status word that changed."""
        notes = replace(self._notes, **flags)
        if notes != self._notes:
            self._notes = notes
            self.tell(notes)

    @property
    def view(self) -> StationView | None:
        """What the wires show."""
        return self._view

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong with its wires, by name."""
        return dict(self._wire_troubles)

    @property
    def to_show(self) -> tuple[str, ...]:
        """Known parts that are due; none while the check is in date."""
        check = self.station.check
        return () if check.due_ns is None else check.left(self.station.terms.known_parts)

    def rest(self) -> None:
        """No more triggers: its replay is through."""
        if not self.station.halted:
            self.tell(Halted(on=True))

    def close(self) -> None:
        """The part under way is lost, everything reads as no result, the cameras are let go."""
        self.tell(Halted(on=True))
        for eye in self._eyes.values():
            eye.ask_to_stop()
        self._wires.close()
        for eye in self._eyes.values():
            if eye.ident is not None:
                eye.join(JOIN_S)

    def _show(self) -> None:
        view = view_of(self.station, self._clock_ns())
        if view != self._view:
            self._view = view
        self._wires.show(self._view)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Expose):
            self._expose(effect)
        elif isinstance(effect, Answered):
            self._answered(effect.result)
        elif isinstance(effect, Abandon):
            self._room.abandon(self.name, effect.seq)
            for eye in self._eyes.values():
                eye.forget(effect.seq)
        elif isinstance(effect, Prepare):
            self._prepare(effect.recipe)

    def _expose(self, order: Expose) -> None:
        self._papers = Papers(order.seq, Moment.of(order.triggered_ns))
        after_ns = order.triggered_ns - self.station.terms.lead_ns
        for view in order.views:
            self._eyes[view].want(Wanted(order.seq, order.part_id, after_ns, order.deadline_ns, self.station.recipe))

    def _answered(self, result: PartResult) -> None:
        """After the wires: count, then hand over to the records."""
        papers, own = self._papers, self._papers is not None and self._papers.seq == result.seq
        if papers is None or not own:
            papers = Papers(result.seq, Moment.now())
        else:
            self._papers = None
        self.tally.answered(result, papers)
        sources = {view: eye.sight.source_id for view, eye in self._eyes.items()}
        for row in rows_of(papers, result, sources, *self.decides):
            for recorder in self._recorders:
                recorder.put(row.inspection, row.image, row.cycle)

    def _acknowledged(self, result: PartResult) -> None:
        receipt = Acknowledgement(result.session, result.seq, Moment.now())
        for recorder in self._recorders:
            recorder.acknowledge(receipt)

    def _prepare(self, recipe: int) -> None:
        """All of the line file's recipes are open already."""
        if recipe in self.recipes:
            self.tell(FaultGone(FaultCode.RECIPE_UNKNOWN))
            self._activate(recipe)
        else:
            self.tell(FaultSeen(FaultCode.RECIPE_UNKNOWN, f"there is no recipe {recipe}"))

    def _activate(self, recipe: int) -> None:
        origin = self.recipes[recipe].provenance
        self.tell(Verified(origin.bundle_digest, origin.line_digest, recipe))

    def _keep(self, news: Seen | Spoilt) -> None:
        papers = self._papers
        if papers is None or papers.seq != news.seq:
            return
        papers.exposed[news.view] = news.exposed_ns
        if news.frame is not None:
            papers.frames[news.view] = news.frame

    def _not_inspected(self, seq: int, view: str, why: str) -> None:
        papers, station = self._papers, self.station
        if papers is None or papers.seq != seq:
            return
        finding = Finding(Decision.FAULT, (Reason("engine", why),))
        self.tell(Inspected(seq, view, papers.exposed.get(view, 0), station.model_id, station.ruleset_id, finding))

    def _wires_changed(self, troubles: dict[str, str]) -> None:
        """Without the wire that commands no part can be inspected; any other one is a warning."""
        self._wire_troubles = troubles
        lost, known = self._wires.commanding_trouble, FaultCode.CONTROLLER_LOST in self.station.faults
        if lost and not known:
            self.tell(FaultSeen(FaultCode.CONTROLLER_LOST, lost))
        elif known and not lost:
            self.tell(FaultGone(FaultCode.CONTROLLER_LOST))
        self.note(warning=bool(troubles))
