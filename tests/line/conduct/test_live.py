"""What the screen shows of stations."""

from __future__ import annotations

import io

from rich.console import Console

from line.conduct.rig import Rig
from line_rig import BAD, GOOD
from lineproof.errors import SourceLost
from lineproof.line.conduct.live import StationsView


def screen(rig: Rig) -> str:
    console = Console(width=140, file=io.StringIO())
    with console.capture() as captured:
        console.print(StationsView(rig.conductor, "hall-2").render())
    return captured.get()


def test_a_row_for_each_station_and_what_is_wrong_below():
    with Rig(GOOD, BAD, stations=("press", "oven"), watchers=("mqtt",)) as rig:
        assert "press" in screen(rig)  # before anything was inspected
        rig.plc.ready()
        rig.plc.part(1, "RING-0001")
        rig.plc.part(2, "RING-0002")
        rig.controllers["press"]["mqtt"].down = "broker:1883: refused"
        rig.streams["oven", "main"].fail = SourceLost("cable")
        rig.controllers["oven"]["plc"].until(lambda view: view.fault_code != 0)
        rig.plc.until(lambda view: view.warning)
        shown = screen(rig)
    assert "RING-0002" in shown
    assert "press: mqtt: broker:1883: refused" in shown
    assert "oven: a camera gives no pictures" in shown
    row = next(line for line in shown.splitlines() if line.startswith("press"))
    assert row.split()[3:6] == ["FAIL", "1", "1"]
