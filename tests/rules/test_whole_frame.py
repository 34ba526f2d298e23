from __future__ import annotations

import pytest

from lineproof.errors import SettingsError
from lineproof.rules.tolerance import Rules
from lineproof.rules.whole_frame import check_whole_frame


@pytest.mark.parametrize(
    ("tolerance", "field"),
    [
        ({"min_area_px2": 20}, "min_area_px2"),
        ({"min_area_mm2": 0.5}, "min_area_mm2"),
        ({"zones": ["edge"]}, "zones"),
        ({"max_count": 1}, "max_count"),
    ],
)
@pytest.mark.parametrize("where", ["default", "scratch"])
def test_what_needs_a_place_or_a_size_is_refused_by_name(tolerance, field, where):
    zone = {"polygon": [[0, 0], [9, 0], [9, 9]]}
    rules = {"mm_per_px": 0.1, "zones": {"edge": zone}}
    rules |= {"default": tolerance} if where == "default" else {"classes": {where: tolerance}}
    with pytest.raises(SettingsError, match=rf"rules\.{where}\.{field}: the bundle is a classifier") as caught:
        check_whole_frame(Rules.model_validate(rules))
    assert caught.value.hint


def test_scores_ignoring_and_unused_zones_make_sense():
    zone = {"polygon": [[0, 0], [9, 0], [9, 9]]}
    classes = {"scratch": {"score": 0.7, "review_score": 0.4}, "dust": {"ignore": True}}
    check_whole_frame(Rules.model_validate({"mm_per_px": 0.1, "zones": {"edge": zone}, "classes": classes}))
    check_whole_frame(Rules())
