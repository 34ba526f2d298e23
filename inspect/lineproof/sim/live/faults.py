"""How each fault is done to a real line: to its process, to its engine's process, to its wire, or by its controller."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from lineproof.sim.agenda import Agenda
from lineproof.sim.live.controller import Controller
from lineproof.sim.live.process import LineProcess, signal_engine
from lineproof.sim.scenario import FaultName

SWITCHED_MS = 900.0  # three watchdogs of 300 ms (line-io 4.2)
HALTED_MS = 600.0
DOWN_MS = 200.0  # from the end of the process to its next start
_SEQ = 1 << 32


@dataclass(frozen=True, slots=True)
class Hands:
    """What a fault may lay hands on beside one controller."""

    line: LineProcess
    agenda: Agenda
    rng: random.Random


Do = Callable[[Hands, Controller], float | None]


class Throw(Protocol):
    """A switch of a controller or its wire."""

    def __call__(self, at: Controller, *, on: bool) -> None:
        """Throw it."""


@dataclass(frozen=True, slots=True)
class LiveFault:
    """What is done while a part is under way."""

    do: Do  # returns ms until it is over; None: it could not be done
    whole_line: bool = False  # every station has it
    costs_engine: bool = False  # the engine must be replaced, which a line does so often and no more


def _switch(throw: Throw, lasts_ms: float) -> Do:
    """Something of the controller or the wire that is other than it should be, for a while."""

    def do(hands: Hands, at: Controller) -> float:
        begins_ms = hands.rng.uniform(0, 80)
        hands.agenda.after(begins_ms, partial(throw, at, on=True))
        hands.agenda.after(begins_ms + lasts_ms, partial(throw, at, on=False))
        return begins_ms + lasts_ms

    return do


def _silent(at: Controller, *, on: bool) -> None:
    at.plc.mute = on


def _keeps_results(at: Controller, *, on: bool) -> None:
    at.plc.acknowledges = not on


def _cut(at: Controller, *, on: bool) -> None:
    if on:
        at.link.cut()
    else:
        at.link.restore()


def _offline(at: Controller, *, on: bool) -> None:
    at.plc.image = replace(at.plc.image, offline=on)


def _trigger(change: Callable[[int], int]) -> Do:
    """The controller writes another number than it should, a moment after its own trigger."""

    def do(hands: Hands, at: Controller) -> float:
        after_ms = hands.rng.uniform(15, 60)
        hands.agenda.after(after_ms, lambda: _raise_trigger(at, change(at.plc.image.trigger_seq)))
        return after_ms

    return do


def _raise_trigger(at: Controller, seq: int) -> None:
    """The controller's own image stands again afterwards, or its next edge would be none."""
    image = at.plc.image
    at.link.put(replace(image, trigger=False), replace(image, trigger=True, trigger_seq=seq % _SEQ), image)


def _skipped(hands: Hands, at: Controller) -> float:
    at.plc.seq = (at.plc.seq + hands.rng.randrange(1, 5)) % _SEQ
    return 0.0


def _burst(hands: Hands, at: Controller) -> float:
    """Five triggers 3 ms apart, of which the station can take one."""
    first = at.plc.seq + 1000
    for number in range(5):
        hands.agenda.after(20 + 3 * number, partial(_raise_trigger, at, first + number))
    at.plc.seq = (at.plc.seq + 2000) % _SEQ
    return 35.0


def _engine(number: signal.Signals) -> Do:
    def do(hands: Hands, _: Controller) -> float | None:
        pid = hands.line.engine_pid
        if pid is None:
            return None
        after_ms = hands.rng.uniform(0, 60)
        hands.agenda.after(after_ms, partial(signal_engine, pid, number))
        return after_ms

    return do


def _frozen(hands: Hands, _: Controller) -> float:
    begins_ms, lasts_ms = hands.rng.uniform(0, 60), hands.rng.uniform(350, SWITCHED_MS)
    hands.agenda.after(begins_ms, hands.line.freeze)
    hands.agenda.after(begins_ms + lasts_ms, hands.line.thaw)
    return begins_ms + lasts_ms


def _restarted(hands: Hands, _: Controller) -> float:
    dies_ms = hands.rng.uniform(0, 80)
    hands.agenda.after(dies_ms, hands.line.kill)
    hands.agenda.after(dies_ms + DOWN_MS, hands.line.start)
    return dies_ms + DOWN_MS


LIVE_FAULTS: dict[FaultName, LiveFault] = {
    "controller_silent": LiveFault(_switch(_silent, SWITCHED_MS)),
    "link_down": LiveFault(_switch(_cut, SWITCHED_MS)),
    "trigger_twice": LiveFault(_trigger(lambda seq: seq)),
    "trigger_skipped": LiveFault(_skipped),
    "trigger_old": LiveFault(_trigger(lambda seq: seq - 3)),
    "trigger_burst": LiveFault(_burst),
    "ack_missing": LiveFault(_switch(_keeps_results, SWITCHED_MS)),
    "halted": LiveFault(_switch(_offline, HALTED_MS)),
    "engine_hung": LiveFault(_engine(signal.SIGSTOP), whole_line=True, costs_engine=True),
    "engine_crashed": LiveFault(_engine(signal.SIGKILL), whole_line=True, costs_engine=True),
    "station_frozen": LiveFault(_frozen, whole_line=True),
    "station_restarted": LiveFault(_restarted, whole_line=True),
}
"""The others need a hand on the camera or inside the engine; simulated time does them."""
