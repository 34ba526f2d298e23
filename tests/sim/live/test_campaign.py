"""Real lines, each with its processes, wire and records, and every fault that can be done to one."""

from __future__ import annotations

from collections import Counter

import pytest

from lineproof.core.station import Outcome
from lineproof.errors import GateError, SettingsError
from lineproof.linefile import load_line
from lineproof.records.read import open_records
from lineproof.records.verify import verify
from lineproof.sim import plc
from lineproof.sim.live import process
from lineproof.sim.live.campaign import Campaign
from lineproof.sim.live.evidence import last_sequence, rows_after
from lineproof.sim.live.faults import LIVE_FAULTS
from lineproof.sim.live.oracle import judge
from lineproof.sim.live.plan import driven
from lineproof.sim.live.process import LineProcess
from sim.live.plant import command_of, line_file, plan_of, sealed, station

pytestmark = pytest.mark.skipif(process.sys.platform != "linux", reason="finds processes in /proc")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine may hold a heartbeat back for longer than a controller would wait."""
    monkeypatch.setattr(plc, "WATCHDOG_MS", 2000.0)


def run(path, parts, **wishes):
    """Play, and judge by the records."""
    plan = plan_of(path, parts, **wishes)
    with Campaign(plan, LineProcess(command_of(path)), lambda *_: None) as campaign:
        campaign.get_ready()
        before = last_sequence(open_records(path.parent / "records"))
        played = campaign.run()
    records = open_records(path.parent / "records")
    assert verify(records).damages == ()
    rows = list(rows_after(records, before))
    return played, judge(plan, played, rows), rows


def test_a_quiet_run_gives_every_part_what_it_deserves(tmp_path, bundle):
    patient_press = station(deadline_ms=3000, controller_timeout_ms=3000)
    path = line_file(tmp_path, bundle, stations={"press": patient_press}, line={"restarts": 0})
    for faults in ([], ["engine_crashed"]):  # the second finds the rows of the first, and counts its own
        played, judged, rows = run(path, 12, faults=faults)
        assert judged.safe, judged
        assert Counter(fate.read for fate in played.fates) == {Outcome.PASS: 6, Outcome.FAIL: 6}
        assert [fate.passed for fate in played.fates] == [True, False] * 6
        assert judged.outcomes == {"PASS": 6, "FAIL": 6}
        assert len(rows) == 24
        assert not played.ended_early
        assert played.stopped_well
    assert sum(open_records(tmp_path / "records").counts().values()) == 48
    tally = played.faults["engine_crashed"]  # this line may not replace its engine, so it is not taken away
    assert (tally.done, tally.not_done) == (0, 9)


TO_THE_LINE = ("engine_crashed", "engine_hung", "station_frozen", "station_restarted")
BY_THE_CONTROLLER = tuple(name for name in LIVE_FAULTS if name not in TO_THE_LINE)


@pytest.mark.parametrize("faults", [BY_THE_CONTROLLER, TO_THE_LINE], ids=["by the controller", "to the line"])
def test_no_fault_lets_a_part_through_that_may_not_be_and_the_line_comes_back(faults, tmp_path, bundle):
    """Each in turn, around every second part."""
    played, judged, _ = run(line_file(tmp_path, bundle), 2 * len(faults) + 1, faults=faults, fault_share=0.5, seed=1)
    assert judged.safe, judged
    for name, tally in played.faults.items():
        assert (tally.done, tally.not_done) == (1, 0), name
        assert tally.not_back == 0, name
        assert tally.back_ms > 0, name
    restarts = played.faults["station_restarted"].done if "station_restarted" in faults else 0
    assert len(played.killed_ns) == restarts
    assert any(fate.passed for fate in played.fates if fate.fault is None)
    assert not played.ended_early


def test_two_stations_with_the_low_word_first_and_one_that_nobody_can_drive(tmp_path, bundle):
    camera = {"kind": "folder", "path": "side", "view": "side", "loop": True}
    stations = {
        "press": station(),
        "oven": station(cameras=[camera | {"name": "oven"}]),
        "paint": {"trigger": "software", "cameras": [camera | {"name": "paint"}]},
    }
    path = line_file(tmp_path, bundle, stations=stations)
    text = path.read_text().replace(
        "press:\n        input_offset: 100",
        "oven: {unit: 8}\n      paint: {unit: 9}\n      press:\n        input_offset: 100",
    )
    path.write_text(text.replace("  modbus:\n", "  modbus:\n    word_order: little\n"))
    assert driven(load_line(path).stations, "")[1] == {"paint": "is triggered by software"}
    played, judged, rows = run(path, 6)
    assert judged.safe, judged
    assert Counter((fate.station, fate.read) for fate in played.fates)["oven", Outcome.PASS] == 6
    assert len(rows) == 18


def test_a_replay_that_is_through_ends_the_campaign(tmp_path, bundle):
    cameras = [{"kind": "folder", "path": "top", "view": "top"}]
    played, judged, _ = run(line_file(tmp_path, bundle, stations={"press": station(cameras=cameras)}), 100)
    assert "a replay is through" in played.ended_early
    assert 5 <= played.offered["press"] < 100  # there were four pictures
    assert judged.safe


def test_a_line_that_does_not_start_says_why(tmp_path, bundle):
    path = line_file(tmp_path, bundle)
    plan = plan_of(path, 1)
    path.write_text(path.read_text().replace("deadline_ms: 700", "deadline_ms: 0.5"))
    campaign = Campaign(plan, LineProcess(command_of(path)), lambda *_: None)
    with campaign, pytest.raises(GateError, match=r"did not start: .*deadline_ms"):
        campaign.get_ready()


def test_a_line_without_a_station_to_drive_is_refused(tmp_path, bundle):
    press = load_line(line_file(tmp_path, bundle)).stations["press"]
    with pytest.raises(SettingsError, match="no station that a controller could drive: press is triggered by opcua"):
        driven({"press": press.model_copy(update={"trigger": "opcua"})}, "line.yaml")


def test_elsewhere_than_on_linux_it_is_refused(monkeypatch):
    monkeypatch.setattr(process.sys, "platform", "darwin")
    with pytest.raises(SettingsError, match="needs Linux"):
        LineProcess(["true"])
