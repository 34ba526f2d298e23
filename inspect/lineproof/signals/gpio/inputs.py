"""What edges of the input lines ask for: pure, without chip and clock."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.core.station import Acknowledged, Enabled, ResetAsked
from lineproof.signals.gpio.lines import LineEdge
from lineproof.signals.gpio.settings import GpioSettings, Input


@dataclass(frozen=True, slots=True)
class PartSeen:
    """The trigger line became active; it gets its number when the decision loop takes it."""

    at_ns: int  # monotonic


Asked = PartSeen | Acknowledged | ResetAsked | Enabled


class Debounce:
    """One line: it counts as having become active only out of a quiet time.

    The first edge counts at once; what follows within `quiet_ns` of another edge is contact bounce, of the opening
    contact too.
    """

    def __init__(self, quiet_ns: int, spacing_ns: int = 0) -> None:
        """`spacing_ns`: least time between two that count."""
        self._quiet_ns = quiet_ns
        self._spacing_ns = spacing_ns
        self._edge_ns: int | None = None
        self._counted_ns: int | None = None
        self.bounced = 0

    def rises(self, edge: LineEdge) -> bool:
        """Whether the line has become active."""
        quiet = self._edge_ns is None or edge.at_ns - self._edge_ns >= self._quiet_ns
        spaced = self._counted_ns is None or edge.at_ns - self._counted_ns >= self._spacing_ns
        self._edge_ns = edge.at_ns
        if not edge.active:
            return False
        if not (quiet and spaced):
            self.bounced += 1
            return False
        self._counted_ns = edge.at_ns
        return True


class Inputs:
    """Edges of all lines but an encoder's."""

    def __init__(self, settings: GpioSettings, *, debounced: bool) -> None:
        """`debounced`: by the kernel already; then only the spacing of triggers is watched here."""
        quiet_ns = 0 if debounced else int(settings.debounce_ms * 1e6)
        spacing_ns = int(settings.min_spacing_ms * 1e6)
        self._functions: dict[int, list[Input]] = {}
        self._debounce: dict[int, Debounce] = {}
        for name, line in settings.inputs.items():
            self._functions.setdefault(line.offset, []).append(name)
            self._debounce[line.offset] = Debounce(quiet_ns, spacing_ns if name is Input.TRIGGER else 0)

    @property
    def bounced(self) -> int:
        """Edges that did not count."""
        return sum(line.bounced for line in self._debounce.values())

    def asked(self, edge: LineEdge, *, readable_seq: int, readable_ns: int | None) -> list[Asked]:
        """What an edge asks for.

        `readable_seq` is the number of the result on the output lines, 0 for none, and `readable_ns` since when: an
        acknowledgement that is older was meant for another one.
        """
        rises = self._debounce[edge.offset].rises(edge)
        found: list[Asked] = []
        for name in self._functions[edge.offset]:
            if name is Input.ENABLE:
                found.append(Enabled(on=edge.active))
            elif not rises:
                continue
            elif name is Input.TRIGGER:
                found.append(PartSeen(edge.at_ns))
            elif name is Input.RESET:
                found.append(ResetAsked())
            elif readable_ns is not None and readable_seq and edge.at_ns >= readable_ns:
                found.append(Acknowledged(readable_seq))
        return found
