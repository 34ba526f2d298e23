"""What is looked for on a station's frame before it is judged: that it is as commissioned, and the part's code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lineproof.errors import EngineError
from lineproof.line.conduct.eye import Check, Checked, nothing_to_check

if TYPE_CHECKING:
    from lineproof.core import Frame
    from lineproof.engine.codes import CodeReader
    from lineproof.linefile import StationSection
    from lineproof.watch.quality import QualityGate


def check_of(station: StationSection, view: str) -> Check:
    """Of the camera with this view; the code is read on the first camera. Raises SettingsError for a lost template."""
    steps: list[Callable[[Frame], Checked]] = []
    if view in station.quality:
        from lineproof.watch.quality import QualityGate

        steps.append(partial(_quality, QualityGate.open(station.quality[view])))
    if station.code is not None and view == station.terms.views[0]:
        from lineproof.engine.codes import CodeReader

        steps.append(partial(_code, CodeReader(station.code)))
    return partial(_in_turn, steps) if steps else nothing_to_check


def _in_turn(steps: Sequence[Callable[[Frame], Checked]], frame: Frame) -> Checked:
    """The first that refuses ends it."""
    part_id = ""
    for step in steps:
        checked = step(frame)
        if checked.why:
            return checked
        part_id = part_id or checked.part_id
    return Checked(part_id=part_id)


def _quality(gate: QualityGate, frame: Frame) -> Checked:
    return Checked(gate.check(frame.image) or "")


def _code(reader: CodeReader, frame: Frame) -> Checked:
    try:
        code = reader.read(frame.image)
    except EngineError as error:
        return Checked(str(error))
    return Checked("no code can be read on the part") if code is None else Checked(part_id=code)
