"""Who triggers has read: the last result is taken back before the next part."""

from __future__ import annotations

from collections.abc import Sequence

from lineproof.core.station import Acknowledged, Command, StationView, Triggered


def after_reading(view: StationView | None, triggers: Sequence[Triggered]) -> Sequence[Command]:
    """The triggers, after the acknowledgement of the result that stands there, if there is one."""
    read = view.result if view is not None else None
    return [*triggers] if read is None else [Acknowledged(read.seq), *triggers]
