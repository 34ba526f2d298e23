"""How each fault is done to a plant or its controller, and what it belongs to in the list of faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineproof.core.codes import FaultCode
from lineproof.core.station import Halted, RecipeAsked
from lineproof.line.station.events import FaultGone, FaultSeen, Verified
from lineproof.sim.plant import IDS, OTHER
from lineproof.sim.scenario import FaultName

if TYPE_CHECKING:
    from lineproof.sim.world import World


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done around one part."""

    number: str  # of the fault list: R-01 …
    safe: str  # what must be seen
    inject: Callable[[World], None]


def _frame(kind: str) -> Callable[[World], None]:
    def inject(world: World) -> None:
        world.plant.spoilt.frame = kind

    return inject


def _engine(kind: str) -> Callable[[World], None]:
    def inject(world: World) -> None:
        world.plant.spoilt.engine = kind

    return inject


def _station_fault(code: FaultCode, *, after_ms: float, lasts_ms: float) -> Callable[[World], None]:
    """A fault that the station's own rooms report, somewhere in the cycle."""

    def inject(world: World) -> None:
        world.agenda.after(after_ms, lambda: world.plant.tell(FaultSeen(code)))
        world.agenda.after(after_ms + lasts_ms, lambda: world.plant.tell(FaultGone(code)))

    return inject


def _camera_lost(world: World) -> None:
    world.plant.camera_up = False
    world.agenda.after(world.rng.uniform(0, 250), lambda: world.plant.tell(FaultSeen(FaultCode.CAMERA_LOST)))

    def back() -> None:
        world.plant.camera_up = True
        world.plant.tell(FaultGone(FaultCode.CAMERA_LOST))

    world.agenda.after(800, back)


def _refused(world: World) -> None:
    at_ms = world.rng.uniform(0, 100)
    world.agenda.after(at_ms, lambda: world.plant.tell(FaultSeen(FaultCode.BUNDLE_REFUSED)))
    world.agenda.after(at_ms + 500, lambda: world.plant.tell(FaultGone(FaultCode.BUNDLE_REFUSED)))
    world.agenda.after(at_ms + 501, lambda: world.plant.tell(Verified(*IDS)))


def _swapped(world: World) -> None:
    at_ms = world.rng.uniform(0, 60)
    world.agenda.after(at_ms, lambda: world.plant.tell(Verified(*OTHER)))
    world.agenda.after(at_ms + world.rng.uniform(1, 200), lambda: world.plant.tell(Verified(*IDS)))


def _recipe(world: World) -> None:
    world.agenda.after(world.rng.uniform(0, 60), lambda: world.plant.tell(RecipeAsked(9)))
    world.agenda.after(700, lambda: world.plant.tell(RecipeAsked(0)))


def _set(name: str, *, to: bool, lasts_ms: float) -> Callable[[World], None]:
    """A switch of the controller or the wire, thrown for a while."""

    def inject(world: World) -> None:
        owner, attribute = (world.plc, name) if hasattr(world.plc, name) else (world, name)
        setattr(owner, attribute, to)
        world.agenda.after(lasts_ms, lambda: setattr(owner, attribute, not to))

    return inject


def _frozen(world: World) -> None:
    world.plant.frozen = True

    def goes_on() -> None:
        world.plant.frozen = False

    world.agenda.after(world.rng.uniform(50, 900), goes_on)


def _restarted(world: World) -> None:
    def kill() -> None:
        world.plant.kill()
        world.agenda.after(200, world.plant.boot)

    world.agenda.after(world.rng.uniform(0, 80), kill)


def _trigger(change: Callable[[int], int]) -> Callable[[World], None]:
    """The controller writes another number than it should, a moment after its own trigger."""

    def inject(world: World) -> None:
        def write() -> None:
            image = world.plc.image
            seq = change(image.trigger_seq) % (1 << 32)
            world.write(replace(image, trigger=False))
            world.write(replace(image, trigger=True, trigger_seq=seq))

        world.agenda.after(world.rng.uniform(15, 60), write)

    return inject


def _skipped(world: World) -> None:
    world.plc.seq += world.rng.randrange(1, 5)


def _burst(world: World) -> None:
    for number in range(1, 6):
        image = world.plc.image
        seq = (image.trigger_seq + 1000 + number) % (1 << 32)

        def write(seq: int = seq) -> None:
            world.write(replace(world.plc.image, trigger=False))
            world.write(replace(world.plc.image, trigger=True, trigger_seq=seq))

        world.agenda.after(20 + 3 * number, write)
    world.plc.seq = (world.plc.seq + 2000) % (1 << 32)


def _halted(world: World) -> None:
    world.agenda.after(world.rng.uniform(0, 80), lambda: world.plant.tell(Halted(on=True)))
    world.agenda.after(600, lambda: world.plant.tell(Halted(on=False)))


def _nothing(world: World) -> None:
    """The wall clock jumps: the core has none, so there is nothing to do to it."""
    del world


FAULTS: dict[FaultName, Fault] = {
    "camera_lost": Fault("R-01", "ERROR for the part under way, not ready, back by itself", _camera_lost),
    "camera_stalled": Fault("R-02", "ERROR at the deadline", _frame("none")),
    "frozen_picture": Fault("R-03", "ERROR", _frame("frozen")),
    "lamp_stuck": Fault("R-04", "ERROR, neither FAIL nor PASS", _frame("lamp")),
    "torn_frame": Fault("R-05", "ERROR", _frame("torn")),
    "size_changed": Fault(
        "R-06", "ERROR, not ready", _station_fault(FaultCode.CAMERA_CONTRACT, after_ms=8, lasts_ms=700)
    ),
    "stale_frame": Fault("R-07", "ERROR", _frame("stale")),
    "frame_of_another_part": Fault("R-08", "ERROR", _frame("other")),
    "engine_slow": Fault("R-19", "ERROR at the deadline, the late verdict is not shown", _engine("slow")),
    "engine_hung": Fault("R-19", "ERROR, not ready, back by itself", _engine("hung")),
    "engine_crashed": Fault("R-18", "ERROR, not ready, back by itself", _engine("crashed")),
    "engine_failed": Fault("R-18", "ERROR", _engine("failed")),
    "verdict_twice": Fault("R-24", "one answer", _engine("twice")),
    "bundle_swapped": Fault("R-27", "ERROR for the part under way", _swapped),
    "bundle_refused": Fault("R-15", "ERROR, not ready until another is verified", _refused),
    "recipe_wrong": Fault("R-27", "not ready until it is prepared", _recipe),
    "controller_silent": Fault(
        "R-20", "not ready, no result shown, a new session", _set("mute", to=True, lasts_ms=900)
    ),
    "link_down": Fault(
        "R-20", "not ready, the controller ejects by its own timer", _set("link_up", to=False, lasts_ms=900)
    ),
    "block_torn": Fault("R-20", "a torn block is no result", _set("torn_reads", to=True, lasts_ms=300)),
    "block_flipped": Fault("R-20", "a flipped bit is no result", _set("flipped_reads", to=True, lasts_ms=300)),
    "station_frozen": Fault("R-29", "the heartbeat stops, the controller ejects", _frozen),
    "station_restarted": Fault("R-26", "no result, ready only once verified", _restarted),
    "trigger_twice": Fault("R-24", "one answer", _trigger(lambda seq: seq)),
    "trigger_skipped": Fault("R-24", "counted", _skipped),
    "trigger_old": Fault("R-24", "ignored", _trigger(lambda seq: seq - 3)),
    "trigger_burst": Fault("R-23", "MISSED and latched, one answer each", _burst),
    "ack_missing": Fault("R-24", "overrun latched", _set("acknowledges", to=False, lasts_ms=900)),
    "halted": Fault("R-30", "ERROR for the part under way, not ready", _halted),
    "clock_jump": Fault("R-22", "nothing changes", _nothing),
}
