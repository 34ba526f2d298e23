"""Two encoder lines a quarter period apart, as a count."""

from __future__ import annotations

from lineproof.signals.gpio.lines import LineEdge

COUNT_MODULUS = 1 << 32
# Forward, A leads B: (0,0) → (1,0) → (1,1) → (0,1) → (0,0); four counts a period.
_POSITION = {(False, False): 0, (True, False): 1, (True, True): 2, (False, True): 3}


class Quadrature:
    """Counts every edge of both lines; `count` is a uint32 that wraps."""

    def __init__(self, offset_a: int, offset_b: int, *, a: bool, b: bool) -> None:
        """`a` and `b`: the levels at the start."""
        self._levels = {offset_a: a, offset_b: b}
        self._a, self._b = offset_a, offset_b
        self.offsets = (offset_a, offset_b)
        self.count = 0

    def take(self, edge: LineEdge) -> bool:
        """Count it; False: an edge before it was lost, so the count is no longer the position."""
        if self._levels[edge.offset] is edge.active:
            return False
        before = self._position()
        self._levels[edge.offset] = edge.active
        forward = (self._position() - before) % 4 == 1
        self.count = (self.count + (1 if forward else -1)) % COUNT_MODULUS
        return True

    def _position(self) -> int:
        return _POSITION[self._levels[self._a], self._levels[self._b]]
