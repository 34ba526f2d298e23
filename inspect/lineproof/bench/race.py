"""Contenders against each other, in rounds: times, ratios to the floors, CPU and memory; whoever fails is told so."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from lineproof.bench.contenders import Contender, Role
from lineproof.bench.messages import Ready, Turn
from lineproof.bench.process import Child, ChildFailed
from lineproof.bench.rounds import Ratio, Spread, ratio, spread, turns, unrest


@dataclass(frozen=True, slots=True)
class RaceSettings:
    """How long and how patiently to measure."""

    rounds: int = 20
    calls: int = 5  # timed, per contender and round
    seed: int = 0
    # Spinning threads of the last contender are asleep by then.
    pause_s: float = 0.005
    start_timeout_s: float = 300.0  # an import of torch on a cold disk; TensorRT gets BUILD_TIMEOUT_S
    turn_timeout_s: float = 120.0


BUILD_TIMEOUT_S = 1800.0  # TensorRT compiles for minutes when its cache is cold


@dataclass(frozen=True, slots=True)
class Row:
    """One contender's figures, or why it has none."""

    name: str
    role: Role
    floor: str  # the row its ratio is counted against; "" for a floor of its own
    provider: str = ""
    precision: str = ""
    detections: int | None = None
    note: str = ""
    problem: str = ""  # "not run: …" or "failed: …"; there are no figures then
    spread: Spread | None = None
    ratio: Ratio | None = None  # to `floor`
    ratios: dict[str, Ratio] = field(default_factory=dict)  # to every floor of the race, by name
    stages_ms: dict[str, float] = field(default_factory=dict)  # medians
    cpu_ms: float = 0.0  # of all threads, per call; median over rounds
    rss_mib: float | None = None
    peak_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Race:
    """All rows of one number of threads."""

    threads: int
    rows: tuple[Row, ...]
    unrest: float | None  # the share of its cores the floor did not get; None without a floor on the CPU


class Watcher(Protocol):
    """Who is told how far it is."""

    def expect(self, turns: int) -> None:
        """So many turns in all races together."""

    def starting(self, name: str) -> None:
        """Something that takes seconds begins."""

    def turn(self) -> None:
        """One more turn is over, or was left out."""


class Silent:
    """Tells nobody."""

    def expect(self, turns: int) -> None:
        """Nothing."""

    def starting(self, name: str) -> None:
        """Nothing."""

    def turn(self) -> None:
        """Nothing."""


def run_race(
    contenders: Sequence[Contender], threads: int, settings: RaceSettings, watcher: Watcher | None = None
) -> Race:
    """Start every contender, take the rounds, end every process, whatever happens in between."""
    watcher = watcher or Silent()
    with ExitStack() as open_children:
        starters = []
        for contender in contenders:
            watcher.starting(contender.name)
            starters.append(_Starter(contender, open_children, settings))
        for order in turns(len(starters), settings.rounds, settings.seed):
            for index in order:
                starters[index].take_turn()
                watcher.turn()
    return Race(threads, _rows(starters), _unrest(starters, threads))


class _Starter:
    """One contender in the race: its process, the turns so far, and what went wrong."""

    def __init__(self, contender: Contender, open_children: ExitStack, settings: RaceSettings) -> None:
        self.contender = contender
        self.turns: list[Turn] = []
        self.ready = Ready()
        self.problem = f"not run: {contender.not_run}" if contender.not_run else ""
        self._settings = settings
        self._child: Child | None = None
        if not self.problem:
            self._child = open_children.enter_context(Child(contender.command, contender.job))
            self._start(self._child)

    def _start(self, child: Child) -> None:
        """Wait until it stands, then one turn that does not count."""
        slow = self.contender.job.provider == "tensorrt"
        try:
            self.ready = child.ready(BUILD_TIMEOUT_S if slow else self._settings.start_timeout_s)
            if self.ready.not_run:
                self.problem = f"not run: {self.ready.not_run}"
            else:
                child.turn(self._settings.calls, self._settings.turn_timeout_s)
        except ChildFailed as error:
            self.problem = f"failed: {error}"

    def take_turn(self) -> None:
        if self.problem or self._child is None:
            return
        time.sleep(self._settings.pause_s)
        try:
            self.turns.append(self._child.turn(self._settings.calls, self._settings.turn_timeout_s))
        except ChildFailed as error:
            self.problem = f"failed: {error}"

    @property
    def rounds(self) -> list[list[float]]:
        return [turn.times_ms for turn in self.turns]


def _rows(starters: Sequence[_Starter]) -> tuple[Row, ...]:
    floors = {s.contender.name: s.rounds for s in starters if s.contender.role == "floor" and not s.problem}
    return tuple(_row(starter, floors) for starter in starters)


def _row(starter: _Starter, floors: dict[str, list[list[float]]]) -> Row:
    contender, ready, taken = starter.contender, starter.ready, starter.turns
    bare = Row(contender.name, contender.role, contender.floor, note=contender.note)
    if starter.problem:
        return Row(bare.name, bare.role, bare.floor, note=bare.note, problem=starter.problem)
    ratios = {name: ratio(starter.rounds, rounds) for name, rounds in floors.items()}
    names = taken[0].stages_ms
    return Row(
        name=bare.name,
        role=bare.role,
        floor=bare.floor,
        provider=ready.provider,
        precision=ready.precision,
        detections=ready.detections,
        note="; ".join(filter(None, (bare.note, ready.note))),
        spread=spread(starter.rounds),
        ratio=ratios.get(contender.floor),
        ratios=ratios,
        stages_ms={name: statistics.median(ms for turn in taken for ms in turn.stages_ms[name]) for name in names},
        cpu_ms=statistics.median(turn.cpu_ms for turn in taken),
        rss_mib=taken[-1].rss_mib,
        peak_mib=taken[-1].peak_mib,
    )


def _unrest(starters: Sequence[_Starter], threads: int) -> float | None:
    for starter in starters:
        if starter.contender.role == "floor" and not starter.problem and starter.contender.job.provider == "cpu":
            return unrest(starter.rounds, [turn.cpu_ms for turn in starter.turns], threads)
    return None
