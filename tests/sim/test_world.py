from __future__ import annotations

from pathlib import Path

import pytest

from lineproof.errors import SettingsError
from lineproof.settings import load_settings, parse_settings
from lineproof.signals.registers.decode import read_block
from lineproof.sim import plc
from lineproof.sim.faults import FAULTS
from lineproof.sim.report import facts_of, safe, table_of, words_of
from lineproof.sim.scenario import FAULTS as NAMES
from lineproof.sim.scenario import Scenario
from lineproof.sim.world import World

FILES = sorted((Path(__file__).parents[2] / "configs/scenarios").glob("*.yaml"))


def campaign(parts=60, **scenario):
    return World(Scenario.model_validate({"name": "test", "parts": parts} | scenario)).run()


def test_on_a_quiet_day_every_part_gets_what_it_deserves():
    done = campaign(200)
    assert (done.good_ejected, len(done.wrong_pass)) == (0, 0)
    assert done.good_passed + done.bad_ejected == 200
    assert set(done.answers) == {"PASS", "FAIL"}
    assert "0 wrong PASS" in words_of(done)


@pytest.mark.parametrize("fault", NAMES)
def test_no_fault_lets_a_bad_part_through_and_the_station_comes_back(fault):
    done = campaign(60, faults=[fault], fault_share=0.2, seed=3)
    assert safe(done), words_of(done)
    tally = done.faults[fault]
    assert tally.injected >= 4
    assert done.good_passed > 10
    assert 0 < tally.recovered_ms < 8000


# Faults of which no part may pass, good or not: nothing valid was inspected.
NEVER = (
    "camera_stalled", "frozen_picture", "lamp_stuck", "torn_frame", "stale_frame", "frame_of_another_part", "engine_slow",
    "engine_hung", "engine_crashed", "engine_failed", "camera_lost", "size_changed",
)  # fmt: skip


@pytest.mark.parametrize("fault", NEVER)
def test_what_was_not_validly_inspected_never_passes(fault):
    assert campaign(60, faults=[fault], fault_share=0.3, bad_share=0.0).faults[fault].let_through == 0


def test_all_faults_together_two_cameras_and_a_fast_belt():
    done = campaign(
        600,
        faults=NAMES,
        views=["top", "side"],
        timing={"pitch": 220, "deadline": 120, "timer": 160},
        fault_share=0.4,
        seed=5,
    )
    assert safe(done), words_of(done)
    assert table_of(done).row_count == len(NAMES)
    assert facts_of(done)["safe"]


def test_the_same_seed_is_the_same_campaign():
    assert facts_of(campaign(80, faults=NAMES, seed=2)) == facts_of(campaign(80, faults=NAMES, seed=2))
    assert facts_of(campaign(80, faults=NAMES, seed=2)) != facts_of(campaign(80, faults=NAMES, seed=4))


def careless(words, *, seq, session):
    """A controller that looks at RESULT alone."""
    block = read_block(words)
    return block is not None and block.reading is not None and block.reading.outcome == "PASS"


def test_a_careless_controller_is_seen_by_the_oracle(monkeypatch):
    monkeypatch.setattr(plc, "is_pass", careless)
    done = campaign(400, faults=["ack_missing", "station_frozen", "link_down"], fault_share=0.5)
    assert not safe(done)
    assert "WRONG PASS" in words_of(done)


def test_a_careless_station_is_seen_by_the_oracle(monkeypatch):
    from lineproof.line.station import machine
    from lineproof.line.station.events import Exposed

    old = machine._exposed

    def trusting(station, event, now):
        part = station.part
        if part is None or part.seq != event.seq:
            return old(station, event, now)
        from dataclasses import replace

        return machine.Step(replace(station, part=replace(part, exposed={event.view: event.exposed_ns})))

    monkeypatch.setitem(machine._HANDLERS, Exposed, trusting)
    assert not safe(campaign(300, faults=["stale_frame", "frozen_picture"], fault_share=0.6))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_scenario_can_be_run(path):
    plan = load_settings(path, Scenario).model_copy(update={"parts": 30})
    assert safe(World(plan).run())


def test_every_fault_is_described():
    assert set(FAULTS) == set(NAMES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"name": "x", "faults": ["earthquake"]}, "faults"),
        ({"name": "x", "timing": {"deadline": 300, "timer": 200}}, "must end before"),
        ({"name": "x", "pitch": 3}, "unknown key"),
    ],
)
def test_a_wrong_scenario_is_refused(text, words):
    with pytest.raises(SettingsError, match=words):
        parse_settings(text, Scenario, "s.yaml")
