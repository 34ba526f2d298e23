"""`lineproof sim LINE.yaml` from the command line to the report."""

from __future__ import annotations

import json
import sys

import pytest

from lineproof.cli import main as cli
from lineproof.sim import plc
from lineproof.sim.live.client import Link
from sim.live.plant import line_file, sealed, station, truth_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("sealed"))


def call(capsys, *argv):
    with pytest.raises(SystemExit) as left:
        cli.main(["sim", *map(str, argv)])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_a_campaign_is_shown_written_and_replayed(tmp_path, bundle, capsys, monkeypatch):
    """One picture of a blue part is called good by the dataset, and one of a good part bad: the model's own errors."""
    monkeypatch.setattr(plc, "WATCHDOG_MS", 2000.0)
    path = line_file(tmp_path, bundle, stations={"press": station(deadline_ms=3000, controller_timeout_ms=3000)})
    truth = truth_of(tmp_path, bad=("top-0.png", "top-3.png"))
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("{name: one, faults: [trigger_twice, camera_lost], fault_share: 0.25}")
    out = tmp_path / "live.json"
    code, said, err = call(
        capsys, path, "--scenario", scenario, "--parts", 8, "--pitch-ms", 250, "--truth", truth, "--out", out
    )
    assert code == 0, said
    for words in (
        "10 parts in",  # one more after each of the two faults
        "5 let through, 5 ejected; answers: 5 PASS, 5 FAIL",
        "the model: 2 good parts passed, 3 were ejected; 2 bad ones were ejected, 3 escaped",
        "records: 20 rows, 20 pictures, all whole; 20 inspected again, 0 differ",
        "not done to a real line, only in simulated time: camera_lost",
    ):
        assert words in said, said
    assert "trigger twice" in err
    facts = json.loads(out.read_text())
    assert facts["safe"]
    assert facts["faults"]["trigger_twice"]["done"] == 2
    assert facts["bundle"]["name"] == "tiny"
    assert facts["machine"]["cores"]
    assert str(tmp_path) not in out.read_text()


def test_a_controller_that_believes_anything_is_the_answer_no(tmp_path, bundle, capsys, monkeypatch):
    monkeypatch.setattr(plc, "is_pass", lambda *_, **__: True)
    code, out, _ = call(
        capsys, line_file(tmp_path, bundle), "--scenario", "quiet-day", "--parts", 4, "--json", "--no-replay"
    )
    facts = json.loads(out)
    assert (code, facts["safe"], facts["records"]["replayed"]) == (1, False, None)
    assert len(facts["wrong_pass"]) >= 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"io": None, "stations": {"press": station(trigger="software")}}, "no `io.modbus` – a controller is played"),
        ({"records": None}, "no `records` – what was let through is held against them"),
        ({"stations": {"press": station(trigger="software")}}, "press is triggered by software – give a station"),
        ({"stations": {}, "io": None}, "no `io.modbus`"),
        ({}, "press will not be ready: FAULT_CODE 202 ENGINE_GIVEN_UP – `lineproof run`"),
    ],
)
def test_a_line_that_nobody_can_play_against_is_one_line(tmp_path, capsys, changes, says):
    code, out, err = call(capsys, line_file(tmp_path, tmp_path / "nowhere", **changes), "--parts", 1)
    assert code in (1, 2)
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", [("--pitch-ms", "9"), ("--truth", "data"), ("--no-replay",)])
def test_what_is_for_a_real_line_needs_one(capsys, option):
    code, _, err = call(capsys, *option)
    assert code == 2
    assert "is for a real line" in err


def test_an_address_that_is_no_server_is_no_connection():
    from lineproof.signals.io_map import StationPlace

    link = Link("127.0.0.1", 9, StationPlace(), "big")
    assert link.read(0.01) is None
    link.close()
