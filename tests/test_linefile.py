"""The line file as a whole: what only makes sense together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lineproof.core.station import Outcome
from lineproof.errors import SettingsError
from lineproof.linefile import StationSection, load_line

BASE = "name: x\nbundle: b\n"
CAMERA = "{kind: folder, path: images}"


def write(folder, text: str):
    path = folder / "line.yaml"
    path.write_text(BASE + text)
    return path


def test_a_station_is_read_with_its_paths_beside_the_file(tmp_path):
    text = f"stations: {{press: {{trigger: modbus, cameras: [{CAMERA}]}}}}\nio: {{modbus: {{stations: {{press: {{}}}}}}}}\n"
    line = load_line(write(tmp_path, text))
    press = line.stations["press"]
    assert press.cameras[0].path == tmp_path / "images"
    assert press.terms.controller_timeout_ms == 300
    assert press.terms.views == ("main",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"source: {CAMERA}\nstations: {{a: {{trigger: modbus, cameras: [{CAMERA}]}}}}\n", "one or the other"),
        ("io: {modbus: {}}\n", "`io` without `stations`"),
        (f"stations: {{a: {{trigger: modbus, cameras: [{CAMERA}]}}}}\n", "there is no io.modbus"),
        (
            f"stations: {{a: {{trigger: modbus, cameras: [{CAMERA}]}}}}\nio: {{modbus: {{}}}}\n",
            "where does station a lie",
        ),
        (
            f"stations: {{a: {{trigger: modbus, cameras: [{CAMERA}, {CAMERA}]}}}}\n",
            "two cameras have the view 'main'",
        ),
        (f"stations: {{a: {{trigger: modbus, fusion: 2, cameras: [{CAMERA}]}}}}\n", "fusion 2: there are 1 views"),
        ("stations: {a: {trigger: modbus, cameras: []}}\n", "cameras"),
        ("recipes: {2: {bundle: c}}\n", "only a controller asks"),
        (f"stations: {{a: {{trigger: free_run, cameras: [{CAMERA}]}}}}\nrecipes: {{2: {{bundle: c}}}}\n", "from 1 on"),
        (
            f"recipe: 2\nstations: {{a: {{trigger: free_run, cameras: [{CAMERA}]}}}}\nrecipes: {{2: {{bundle: c}}}}\n",
            "not one of theirs",
        ),
        ("stations: {A b: {trigger: modbus, cameras: []}}\n", "stations"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(tmp_path, text, why):
    with pytest.raises(SettingsError, match=why) as caught:
        load_line(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_recipes_have_their_own_bundles_and_rules(tmp_path):
    text = (
        f"recipe: 1\nstations: {{a: {{trigger: free_run, cameras: [{CAMERA}]}}}}\n"
        "recipes: {2: {bundle: c, rules: {default: {min_area_px2: 9}}}}\n"
    )
    line = load_line(write(tmp_path, text))
    assert {number: recipe.bundle for number, recipe in line.all_recipes.items()} == {
        1: tmp_path / "b",
        2: tmp_path / "c",
    }
    assert line.all_recipes[2].rules.default.min_area_px2 == 9


KNOWN = {"parts": {"OK-1": "PASS", "NG-1": "FAIL"}}


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"challenge": {"parts": {"OK-1": "PASS"}}}, "must be FAIL or REVIEW"),
        ({"challenge": {"parts": {}}}, "parts"),
        ({"challenge": {"parts": {"OK-1": "FAULT"}}}, "OK-1"),
        ({"challenge": KNOWN, "trigger": "free_run"}, "names no part"),
        ({"challenge": {"parts": {"longer than sixteen": "FAIL"}}, "trigger": "modbus"}, "16 characters"),
        ({"challenge": KNOWN, "simulation": True}, "pass_in_simulation"),
    ],
)
def test_known_parts_that_could_tell_nothing_are_refused(section, problem):
    station = {"cameras": [{"kind": "folder", "path": "parts"}], "trigger": "software"} | section
    with pytest.raises(ValidationError, match=problem):
        StationSection.model_validate(station)


def test_known_parts_reach_the_decision_core():
    station = StationSection.model_validate(
        {"cameras": [{"kind": "folder", "path": "parts"}], "trigger": "free_run", "code": {}, "challenge": KNOWN}
    )
    known = station.terms.known_parts
    assert dict(known.expected) == {"OK-1": Outcome.PASS, "NG-1": Outcome.FAIL}
    assert (known.every_ms, known.grace_ms, known.overdue_stops) == (8 * 3_600_000, 30 * 60_000, True)
    assert station.terms.reads_part_id


def test_only_a_strobed_camera_may_see_its_part_before_the_message():
    station = {"trigger": "modbus", "trigger_lead_ms": 20}
    strobed = {"kind": "genicam", "trigger": "hardware", "serial": "1"}
    assert StationSection.model_validate(station | {"cameras": [strobed]}).terms.trigger_lead_ms == 20
    for camera in ({"kind": "folder", "path": "parts"}, strobed | {"trigger": "free"}):
        with pytest.raises(ValidationError, match="before it was there"):
            StationSection.model_validate(station | {"cameras": [strobed, camera | {"view": "side"}]})
