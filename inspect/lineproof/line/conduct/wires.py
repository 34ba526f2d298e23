"""The wires of one station: one of them commands, all of them show.

Two controllers that both count triggers would answer each other's parts, so only the commanding wire's triggers,
acknowledgements, recipes and heartbeats are heeded. Anybody may stop a station or reset it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lineproof.core.station import Command, Halted, ResetAsked, StationView
from lineproof.line.attempt import Failure, attempt
from lineproof.ports import Controller

AFTER_FAILURE_S = 0.05  # between two attempts on a wire that did not take a view


@dataclass(slots=True)
class _Wire:
    name: str
    controller: Controller
    trouble: str = ""  # why it did not take the last view, or brought nothing
    shown: StationView | None = None
    retry_ns: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What the wires of a station brought in one turn."""

    commands: tuple[Command, ...]
    troubles: Mapping[str, str] = field(default_factory=dict)  # by wire


class Wires:
    """Shows one view on all of them, and gathers what they bring; no wire that fails holds up another."""

    def __init__(self, controllers: Mapping[str, Controller], commanding: str, clock_ns: Callable[[], int]) -> None:
        """`commanding` is one of the names."""
        self._wires = [_Wire(name, controller) for name, controller in controllers.items()]
        self._wires.sort(key=lambda wire: wire.name != commanding)  # the one that waits for an answer hears it first
        self._commanding = commanding
        self._clock_ns = clock_ns

    def show(self, view: StationView) -> None:
        """On every wire that does not show this very view yet."""
        for wire in self._wires:
            if wire.shown is not view and (not wire.trouble or self._clock_ns() >= wire.retry_ns):
                self._show_on(wire, view)

    def hear(self) -> Heard:
        """Everything that was asked since the last call, oldest first within each wire."""
        commands: list[Command] = []
        for wire in self._wires:
            brought = attempt(wire.controller.commands)
            if isinstance(brought, Failure):
                wire.trouble = wire.trouble or str(brought)
                continue
            if wire.shown is not None:
                wire.trouble = ""
            commands.extend(c for c in brought.value if self._heeded(wire, c))
        return Heard(tuple(commands), {wire.name: wire.trouble for wire in self._wires if wire.trouble})

    def close(self) -> None:
        """All of them at rest, whatever one of them says."""
        for wire in self._wires:
            attempt(wire.controller.close)

    @property
    def commanding_trouble(self) -> str:
        """Why nobody can command this station; "" while somebody can."""
        return self._wires[0].trouble

    def _show_on(self, wire: _Wire, view: StationView) -> None:
        shown = attempt(lambda: wire.controller.show(view))
        if isinstance(shown, Failure):
            wire.trouble, wire.shown = str(shown), None
            wire.retry_ns = self._clock_ns() + int(AFTER_FAILURE_S * 1e9)
        else:
            wire.shown = view

    def _heeded(self, wire: _Wire, command: Command) -> bool:
        return wire.name == self._commanding or isinstance(command, ResetAsked | Halted)
