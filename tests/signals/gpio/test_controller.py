"""The whole wire on a chip of software: two threads, one queue, everything at rest whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lineproof.core.numbering import Numbering
from lineproof.core.station import Acknowledged, Command, Enabled, Outcome, State, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.signals.gpio.controller import GpioController, GpioHealth
from lineproof.signals.gpio.settings import GpioSettings, Input, Output
from signals.gpio.software_chip import SoftwareChip
from signals.registers.station_views import shown

OUT = {name: at for at, name in enumerate(Output)}
IN = {name: 20 + at for at, name in enumerate(Input)}
IDLE = StationView(7, State.READY, ready=True)


def settings(*inputs: Input, **more: object) -> GpioSettings:
    return GpioSettings(
        outputs={name: {"offset": at} for name, at in OUT.items()},
        inputs={name: {"offset": IN[name]} for name in inputs},
        **{"silent_ms": 1000, **more},
    )


@contextmanager
def running(
    made: GpioSettings, chip: SoftwareChip | None = None, **more: object
) -> Iterator[tuple[GpioController, SoftwareChip]]:
    chip = chip or SoftwareChip()
    controller = GpioController(made, chip, Numbering(), **more)
    try:
        yield controller, chip
    finally:
        controller.close()
    assert not any(thread.name.startswith("gpio") for thread in threading.enumerate())


def until(true: Callable[[], object], limit_s: float = 3.0) -> None:
    end_s = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end_s, "not within its time"
        time.sleep(0.002)


def high(chip: SoftwareChip) -> set[Output]:
    return {name for name, at in OUT.items() if chip.now().get(at)}


def drained(controller: GpioController, count: int) -> list[Command]:
    found: list[Command] = []
    until(lambda: found.extend(controller.commands()) or len(found) >= count)
    return found


def test_nothing_is_put_before_the_first_view():
    with running(settings()) as (_, chip):
        time.sleep(0.05)
        assert not high(chip)


def test_show_reaches_the_lines():
    with running(settings()) as (controller, chip):
        controller.show(IDLE)
        until(lambda: high(chip) == {Output.READY, Output.HEALTHY})


def test_pass_with_a_strobe_of_its_width():
    with running(settings()) as (controller, chip):
        controller.show(shown(1))
        strobe = OUT[Output.STROBE]
        until(lambda: any(levels[strobe] for _, levels in chip.history) and not chip.now()[strobe])
        rose = next(at for at, levels in chip.history if levels[strobe])
        fell = next(at for at, levels in chip.history if at > rose and not levels[strobe])
        assert fell - rose >= 20_000_000
        assert all(levels[OUT[Output.PASS]] for at, levels in chip.history if levels[strobe])
        assert Output.PASS in high(chip)


def test_a_strobe_comes_also_while_the_loop_shows_faster_than_the_chip_takes():
    with running(settings(), SoftwareChip(slow_s=0.003)) as (controller, chip):
        end_s = time.monotonic() + 0.3
        beat = 0
        while time.monotonic() < end_s:
            beat += 1
            controller.show(replace(shown(1), heartbeat=beat))
            time.sleep(0.0005)
        assert any(levels[OUT[Output.STROBE]] for _, levels in chip.history)


def test_a_loop_that_hangs_loses_every_output():
    with running(settings(silent_ms=60)) as (controller, chip):
        controller.show(shown(1))
        until(lambda: Output.PASS in high(chip))
        until(lambda: not high(chip))
        controller.show(shown(1))
        until(lambda: Output.HEALTHY in high(chip))
        time.sleep(0.03)
        assert Output.PASS not in high(chip), "a result that was taken back never returns"


def test_close_leaves_everything_at_rest():
    with running(settings()) as (controller, chip):
        controller.show(shown(1))
        until(lambda: Output.PASS in high(chip))
        controller.close()
        assert not high(chip)
        assert chip.closed
        with pytest.raises(SignalError, match="it was closed"):
            controller.show(shown(1))
        with pytest.raises(SignalError, match="it was closed"):
            controller.commands()


def test_a_chip_that_fails_is_told_by_the_next_call():
    with running(settings(Input.TRIGGER)) as (controller, chip):
        chip.broken = "No such device"
        with pytest.raises(SignalError, match="No such device"):
            until(lambda: controller.show(IDLE))
        with pytest.raises(SignalError, match="is down"):
            controller.commands()


def test_inputs_alone_need_no_outputs():
    made = GpioSettings(inputs={"trigger": {"offset": IN[Input.TRIGGER]}})
    with running(made) as (controller, chip):
        controller.show(shown(1))
        chip.pulse(IN[Input.TRIGGER])
        assert drained(controller, 1)[0] == Triggered(1)
        assert not high(chip)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_any_other_end_of_the_output_thread_leaves_the_lines_at_rest(monkeypatch):
    with running(settings()) as (controller, chip):
        controller.show(shown(1))
        until(lambda: Output.PASS in high(chip))
        monkeypatch.setattr(controller._plan, "levels", lambda: 1 / 0)
        controller.show(IDLE)
        until(lambda: not high(chip))
        with pytest.raises(SignalError, match="a thread of the wire has died"):
            until(lambda: controller.show(IDLE))


def test_triggers_get_the_next_numbers_and_wake_the_loop():
    woken = threading.Event()
    made = settings(Input.TRIGGER, min_spacing_ms=0)
    with running(made, wake=woken.set) as (controller, chip):
        chip.pulse(IN[Input.TRIGGER])
        assert woken.wait(2)
        chip.pulse(IN[Input.TRIGGER])
        assert drained(controller, 2) == [Triggered(1), Triggered(2)]


def test_a_line_that_is_active_at_the_start_is_no_trigger():
    chip = SoftwareChip()
    chip.set(IN[Input.TRIGGER], True)
    with running(settings(Input.TRIGGER), chip) as (controller, _):
        time.sleep(0.1)
        assert controller.commands() == []


@pytest.mark.parametrize("on", [True, False])
def test_enable_is_told_as_it_is_at_the_start_and_at_each_change(on):
    chip = SoftwareChip()
    chip.set(IN[Input.ENABLE], on)
    with running(settings(Input.ENABLE), chip) as (controller, _):
        assert drained(controller, 1) == [Enabled(on=on)]
        chip.drive(IN[Input.ENABLE], not on)
        assert drained(controller, 1) == [Enabled(on=not on)]


def test_a_trigger_that_waited_too_long_is_void_and_its_number_is_gone():
    with running(settings(Input.TRIGGER, min_spacing_ms=0)) as (controller, chip):
        chip.pulse(IN[Input.TRIGGER], age_ms=500)
        with pytest.raises(SignalError, match="its part has moved on"):
            until(controller.commands)
        chip.pulse(IN[Input.TRIGGER])
        assert drained(controller, 1) == [Triggered(2)]
        assert controller.health() == GpioHealth(bounced=0, void=1, lost=0)


def test_a_loop_that_takes_nothing_is_told_so():
    with running(settings(Input.TRIGGER, min_spacing_ms=0)) as (controller, chip):
        for _ in range(70):
            chip.pulse(IN[Input.TRIGGER])
        until(lambda: controller.health().void)
        with pytest.raises(SignalError, match="the decision loop does not take them"):
            controller.commands()
        assert len(controller.commands()) == 64


def test_lost_edges_are_told_once():
    with running(settings(Input.TRIGGER, Input.ENABLE)) as (controller, chip):
        drained(controller, 1)
        chip.lose(3)
        with pytest.raises(SignalError, match="3 edges were lost"):
            until(lambda: controller.commands() and False)
        assert drained(controller, 1) == [Enabled(on=False)], "levels are read anew"


def test_acknowledgement_of_the_result_on_the_lines():
    with running(settings(Input.TRIGGER, Input.ACK)) as (controller, chip):
        chip.pulse(IN[Input.ACK])
        controller.show(shown(5))
        until(lambda: Output.STROBE in high(chip))
        chip.pulse(IN[Input.ACK])
        assert drained(controller, 1) == [Acknowledged(5)]


def test_without_an_ack_line_the_end_of_the_strobe_acknowledges():
    with running(settings(Input.TRIGGER)) as (controller, chip):
        controller.show(shown(5, Outcome.FAIL))
        assert drained(controller, 1) == [Acknowledged(5)]
        controller.show(IDLE)
        until(lambda: Output.FAIL not in high(chip))
        strobe = [levels[OUT[Output.STROBE]] for _, levels in chip.history]
        assert strobe.count(True) >= 1


class Positions:
    def __init__(self) -> None:
        self.counts: list[int] = []
        self.troubles: list[str] = []

    def moved_to(self, count: int) -> None:
        self.counts.append(count)

    def lost(self, why: str) -> None:
        self.troubles.append(why)


def test_quadrature_lines_tell_positions():
    positions = Positions()
    with running(settings(Input.ENCODER_A, Input.ENCODER_B), encoder=positions) as (controller, chip):
        for _ in range(2):
            for name, active in [
                (Input.ENCODER_A, True),
                (Input.ENCODER_B, True),
                (Input.ENCODER_A, False),
                (Input.ENCODER_B, False),
            ]:
                chip.drive(IN[name], active)
        until(lambda: len(positions.counts) == 8)
        assert positions.counts == list(range(1, 9))
        chip.drive(IN[Input.ENCODER_B], False)
        until(lambda: positions.troubles)
        with pytest.raises(SignalError, match="edges were lost"):
            controller.commands()


def test_show_and_commands_return_at_once():
    """Microseconds, not the time that the chip takes; the limit leaves room for a busy machine."""
    with running(settings(Input.TRIGGER), SoftwareChip(slow_s=0.05)) as (controller, _):
        took = []
        for beat in range(50):
            start_s = time.perf_counter()
            controller.show(StationView(7, State.READY, heartbeat=beat))
            controller.commands()
            took.append(time.perf_counter() - start_s)
        assert sorted(took)[len(took) // 2] < 0.005
