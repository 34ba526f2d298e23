"""The `gpio` section: one function a line, and what is wrong said in one line."""

from __future__ import annotations

import pytest

from lineproof.errors import SettingsError
from lineproof.settings import parse_settings
from lineproof.signals.gpio.settings import GpioSettings, Input, Output


def line(offset: int, **more: object) -> dict[str, object]:
    return {"offset": offset, **more}


def test_a_whole_section():
    data = {
        "chip": "/dev/gpiochip2",
        "outputs": {name.value: line(at) for at, name in enumerate(Output)},
        "inputs": {name.value: line(20 + at, bias="pull_down") for at, name in enumerate(Input)},
    }
    settings = parse_settings(data, GpioSettings, "line.yaml")
    assert settings.outputs[Output.PASS].offset == 3
    assert settings.inputs[Input.TRIGGER].bias == "pull_down"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "no line is used"),
        ({"outputs": {"pass": line(1), "fail": line(1)}}, "line 1 has two functions"),
        ({"outputs": {"pass": line(1)}, "inputs": {"trigger": line(1)}}, "line 1 has two functions"),
        ({"inputs": {"ack": line(1), "trigger": line(1)}}, "line 1 has two functions"),
        ({"inputs": {"ack": line(1), "reset": line(1), "trigger": line(1)}}, "line 1 has two functions"),
        ({"inputs": {"ack": line(1), "reset": line(1, active_low=True)}}, "must agree on active_low and bias"),
        ({"inputs": {"encoder_a": line(1)}}, "needs both encoder_a and encoder_b"),
        ({"outputs": {"pas": line(1)}}, "'pass'"),
        ({"outputs": {"pass": line(1)}, "strobe_ms": 10}, "strobe_ms"),
        ({"outputs": {"pass": line(1, activ_low=True)}}, "did you mean 'active_low'?"),
        ({"chip": "gpiochip0", "outputs": {"pass": line(1)}}, "chip"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(SettingsError) as refused:
        parse_settings(data, GpioSettings, "line.yaml")
    assert message in str(refused.value)


def test_ack_and_reset_may_share_a_line():
    GpioSettings(inputs={"ack": line(1), "reset": line(1)})
