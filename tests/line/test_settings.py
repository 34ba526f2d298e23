from __future__ import annotations

import pytest

from lineproof.errors import SettingsError
from lineproof.line.settings import LineSettings
from lineproof.settings import parse_settings


def test_the_trigger_implies_the_policy():
    assert LineSettings().policy == "newest"
    assert LineSettings(trigger="each_frame").policy == "queue"


def test_hung_is_three_deadlines_unless_told():
    assert LineSettings(deadline_ms=200).hung_after_ms == 600
    assert LineSettings(deadline_ms=200, hung_ms=250).hung_after_ms == 250


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"deadline_ms": 5}, "leaves nothing"),
        ({"deadline_ms": 100, "hung_ms": 50}, "below deadline_ms"),
        ({"deadlin_ms": 100}, "did you mean 'deadline_ms'"),
        ({"trigger": "sometimes"}, "free_running"),
    ],
)
def test_what_cannot_work_is_refused_by_name(facts, says):
    with pytest.raises(SettingsError, match=says):
        parse_settings(facts, LineSettings, "line.yaml")


def test_every_field_is_described():
    assert all(field.description for field in LineSettings.model_fields.values())
