from __future__ import annotations

import pytest

from camera_scene import seen, surface
from lineproof.watch.measures import glimpse
from lineproof.watch.position import Template


@pytest.fixture(scope="module")
def template():
    return Template.of([glimpse(seen(number)).grey for number in range(20)])


def test_parts_that_change_are_not_steady(template):
    assert 0.6 < template.steady_share < 0.9
    assert not template.steady[60, 80]
    assert template.steady[10, 10]


@pytest.mark.parametrize(
    ("shift", "turn_deg"),
    [((0, 0), 0), ((3, 0), 0), ((0, -5), 0), ((14, 8), 0), ((-25, 15), 0), ((0, 0), 1), ((0, 0), -3), ((7, -4), 2)],
)
def test_a_movement_of_the_camera_is_measured(template, shift, turn_deg):
    for number in (300, 301):
        found = template.locate(glimpse(seen(number, shift=shift, turn_deg=turn_deg)))
        assert (found.dx_px, found.dy_px) == pytest.approx(shift, abs=1)
        assert found.turn_deg == pytest.approx(turn_deg, abs=0.5)
        assert found.match > 0.85


def test_the_same_frame_is_found_again_and_again_at_the_same_place(template):
    kept = glimpse(seen(3))
    assert len({template.locate(kept) for _ in range(5)}) == 1


def test_another_picture_does_not_match(template):
    for seed in range(5, 10):
        assert template.locate(glimpse(seen(1, fixture=surface(seed, (400, 320))))).match < 0.5


def test_a_flat_picture_does_not_match(template):
    assert template.locate(glimpse(seen(1) * 0)).match == 0
