"""The real library: what it refuses without a chip, and all of it on a chip that the kernel simulates.

The second needs the kernel module gpio-sim and the right to set it up: as root, `modprobe gpio-sim`, configfs mounted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lineproof.core.numbering import Numbering
from lineproof.core.station import Acknowledged, Enabled, State, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.signals.gpio.controller import GpioController
from lineproof.signals.gpio.settings import GpioSettings
from signals.registers.station_views import shown

pytest.importorskip("gpiod", reason="the extra `gpio` is not installed")
from lineproof.signals.gpio.chip import GpiodLines

CONFIGFS = Path("/sys/kernel/config/gpio-sim")
STROBE, PASS, HEALTHY, TRIGGER, ACK, ENABLE, A, B = range(8)
LINES = {
    "outputs": {
        "strobe": {"offset": STROBE},
        "pass": {"offset": PASS},
        "healthy": {"offset": HEALTHY, "active_low": True},
    },
    "inputs": {
        "trigger": {"offset": TRIGGER, "bias": "pull_down"},
        "ack": {"offset": ACK, "bias": "pull_down"},
        "enable": {"offset": ENABLE, "active_low": True},
        "encoder_a": {"offset": A},
        "encoder_b": {"offset": B},
    },
}


@pytest.mark.parametrize(
    ("chip", "message"),
    [("/dev/gpiochip987", "`gpiodetect` lists the chips"), ("/dev/null", "gpio /dev/null: ")],
)
def test_no_chip_is_said(chip, message):
    with pytest.raises(SignalError, match=r"^gpio /dev/") as refused:
        GpiodLines(GpioSettings(chip=chip, outputs={"pass": {"offset": 1}}))
    assert message in str(refused.value)


class SimulatedChip:
    """A chip of the kernel module gpio-sim."""

    def __init__(self, lines: int) -> None:
        self.folder = CONFIGFS / f"lineproof-{os.getpid()}"
        bank = self.folder / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(lines))
        (self.folder / "live").write_text("1")
        device = (self.folder / "dev_name").read_text().strip()
        name = (bank / "chip_name").read_text().strip()
        self.path = f"/dev/{name}"
        self.lines = Path("/sys/devices/platform") / device / name

    def pull(self, offset: int, up: bool) -> None:
        (self.lines / f"sim_gpio{offset}" / "pull").write_text("pull-up" if up else "pull-down")

    def level(self, offset: int) -> bool:
        """The electrical one."""
        return (self.lines / f"sim_gpio{offset}" / "value").read_text().strip() == "1"

    def remove(self) -> None:
        (self.folder / "live").write_text("0")
        (self.folder / "bank0").rmdir()
        self.folder.rmdir()


@pytest.fixture
def chip() -> Iterator[SimulatedChip]:
    if not os.access(CONFIGFS, os.W_OK):
        pytest.skip("no kernel module gpio-sim here, or no right to set it up")
    made = SimulatedChip(8)
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def settings(chip) -> GpioSettings:
    """Long limits: a simulated chip may stand in a simulated machine."""
    return GpioSettings(chip=chip.path, debounce_ms=2, silent_ms=10_000, max_age_ms=10_000, **LINES)


def until(true: Callable[[], object], limit_s: float = 5) -> None:
    end_s = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end_s, "not within its time"
        time.sleep(0.001)


def test_levels_and_edges(chip, settings):
    lines = GpiodLines(settings)
    try:
        assert lines.debounced
        assert [chip.level(at) for at in (STROBE, PASS, HEALTHY)] == [False, False, True], "at rest; one is active low"
        lines.put({STROBE: False, PASS: True, HEALTHY: True})
        assert [chip.level(at) for at in (STROBE, PASS, HEALTHY)] == [False, True, False]
        before_ns = time.monotonic_ns()
        chip.pull(TRIGGER, True)
        edges = lines.wait(2)
        assert [(edge.offset, edge.active) for edge in edges] == [(TRIGGER, True)]
        assert before_ns < edges[0].at_ns <= time.monotonic_ns(), "stamped with the clock of this process"
        assert lines.level(TRIGGER)
        assert lines.wait(0.01) == ()
    finally:
        lines.close()
    lines.close()
    assert not chip.level(PASS)


def test_bounce_is_filtered_by_the_kernel(chip, settings):
    lines = GpiodLines(settings.model_copy(update={"debounce_ms": 500}))
    try:
        for _ in range(10):
            chip.pull(TRIGGER, True)
            chip.pull(TRIGGER, False)
        chip.pull(TRIGGER, True)
        assert [(edge.offset, edge.active) for edge in lines.wait(5)] == [(TRIGGER, True)]
        assert lines.wait(0.1) == ()
    finally:
        lines.close()


def test_edges_that_did_not_fit_are_counted(chip, settings):
    lines = GpiodLines(settings)
    try:
        for _ in range(700):
            chip.pull(A, True)
            chip.pull(A, False)
        seen = 0
        while edges := lines.wait(0.05):
            seen += len(edges)
        chip.pull(A, True)
        seen += len(lines.wait(1))
        assert lines.lost > 0
        assert seen + lines.lost == 1401
    finally:
        lines.close()


def test_a_line_that_is_taken_is_said(chip, settings):
    lines = GpiodLines(settings)
    try:
        with pytest.raises(SignalError, match="another program or driver has a line"):
            GpiodLines(settings)
    finally:
        lines.close()


def test_an_offset_beyond_the_chip_is_said(chip):
    with pytest.raises(SignalError, match="beyond the chip's lines"):
        GpiodLines(GpioSettings(chip=chip.path, outputs={"pass": {"offset": 99}}))


class Positions:
    def __init__(self) -> None:
        self.count = 0

    def moved_to(self, count: int) -> None:
        self.count = count

    def lost(self, why: str) -> None:
        raise AssertionError(why)


def test_a_station_on_a_chip(chip, settings):
    positions = Positions()
    chip.pull(ENABLE, False)
    chip.pull(HEALTHY, True)  # a released line follows its resistor: one that is active low needs it upwards
    controller = GpioController(settings, GpiodLines(settings), Numbering(), encoder=positions)
    found: list[object] = []

    def asked(count: int) -> list[object]:
        until(lambda: found.extend(controller.commands()) or len(found) >= count)
        return found

    try:
        assert asked(1) == [Enabled(on=True)]
        controller.show(StationView(7, State.READY, ready=True))
        until(lambda: not chip.level(HEALTHY))
        chip.pull(TRIGGER, True)
        assert asked(2)[1:] == [Triggered(1)]
        controller.show(shown(1))
        until(lambda: chip.level(STROBE))
        assert chip.level(PASS)
        chip.pull(ACK, True)
        assert asked(3)[2:] == [Acknowledged(1)]
        controller.show(StationView(7, State.READY, ready=True))
        until(lambda: not chip.level(PASS))
        for _ in range(25):
            for offset, up in ((A, True), (B, True), (A, False), (B, False)):
                chip.pull(offset, up)
        until(lambda: positions.count == 100)
        controller.show(shown(2))
        until(lambda: chip.level(PASS))
    finally:
        controller.close()
    assert [chip.level(at) for at in (STROBE, PASS, HEALTHY)] == [False, False, True]
