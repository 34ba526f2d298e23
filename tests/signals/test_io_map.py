from __future__ import annotations

import pytest

from lineproof.errors import SettingsError
from lineproof.settings import load_settings, parse_settings
from lineproof.signals.io_map import IoMap


def test_the_default_file_is_map_1_0(repo):
    assert load_settings(repo / "configs" / "io" / "modbus-1.0.yaml", IoMap) == IoMap()


def test_every_file_of_configs_io_can_be_read(repo):
    for path in (repo / "configs" / "io").glob("*.yaml"):
        load_settings(path, IoMap)


def test_map_1_0_is_what_the_design_says():
    io = IoMap()
    assert (io.host, io.word_order, io.stations["main"].unit) == ("127.0.0.1", "big", 1)
    assert (io.times.trigger_ack_ms, io.times.heartbeat_ms, io.times.watchdog_ms) == (20, 100, 300)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"prot": 502}, "prot: unknown key, did you mean 'port'?"),
        ({"layout": "2.0"}, "layout: Input should be '1.0'"),
        ({"stations": {}}, "at least 1 item"),
        ({"stations": {"Left side": {}}}, "stations.Left side"),
        ({"stations": {"a": {"unit": 0}}}, "stations.a.unit: Input should be greater than or equal to 1"),
        ({"stations": {"a": {"input_offset": 65500}}}, "less than or equal to 65492"),
        ({"stations": {"a": {}, "b": {"input_offset": 43, "holding_offset": 40}}}, "a and b overlap: .* input_offset"),
        ({"stations": {"a": {}, "b": {"input_offset": 44, "holding_offset": 31}}}, "their holding_offset must be 32"),
        ({"times": {"watchdog_ms": 150}}, "watchdog_ms 150 is below two heartbeats of 100 ms"),
        ({"times": {"poll_ms": 101}}, "poll_ms 101 is slower than the heartbeat"),
    ],
)
def test_what_cannot_be_is_said(data, words):
    with pytest.raises(SettingsError, match=words):
        parse_settings(data, IoMap, "io.yaml")


def test_stations_may_share_offsets_on_different_units_and_touch_on_one():
    stations = {"a": {}, "b": {"unit": 2}, "c": {"input_offset": 44, "holding_offset": 32}}
    assert len(parse_settings({"stations": stations}, IoMap, "io.yaml").stations) == 3
