"""When a picture was exposed, from the stamp of a camera whose clock began anywhere."""

from __future__ import annotations

# Two quartz clocks, each wrong by up to 50 ppm over its years and temperatures.
DRIFT = 100e-6


class CameraClock:
    """Puts a camera's stamps on our monotonic clock.

    The picture that came fastest says how far the two clocks are apart; one that waited in a buffer came later than
    that, and its exposure is set back by as much. The shortest transport itself remains: no stamp can tell it.
    """

    def __init__(self) -> None:
        self._apart_ns: int | None = None
        self._at_ns = 0

    def renew(self) -> None:
        """A fresh handle: the camera may have started its clock anew."""
        self._apart_ns = None

    def exposed_ns(self, stamp_ns: int, at_ns: int) -> int:
        """The exposure by the monotonic clock, at the latest `at_ns`, when the picture arrived."""
        apart_ns = at_ns - stamp_ns
        if self._apart_ns is not None:
            # The clocks drift: what was the shortest transport an hour ago may be out of reach today.
            apart_ns = min(apart_ns, self._apart_ns + int((at_ns - self._at_ns) * DRIFT))
        self._apart_ns, self._at_ns = apart_ns, at_ns
        return stamp_ns + apart_ns
