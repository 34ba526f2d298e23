from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from lineproof.core.station import Acknowledged, Alive, Challenging, Enabled, Halted, RecipeAsked, ResetAsked, Triggered
from lineproof.signals.registers.edges import at_start, edges
from lineproof.signals.registers.image import ControllerImage
from signals.registers.test_image import IMAGES

REST = ControllerImage()
RUNNING = ControllerImage(enable=True, heartbeat=4, trigger_seq=8, recipe=2)


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, ()),
        ({"heartbeat": 5}, (Alive(),)),
        ({"enable": False}, (Enabled(on=False),)),
        ({"offline": True}, (Halted(on=True),)),
        ({"reset": True}, (ResetAsked(),)),
        ({"recipe": 3}, (RecipeAsked(3),)),
        ({"recipe": 0}, ()),
        ({"ack": True}, (Acknowledged(8),)),
        ({"trigger_seq": 9}, ()),
        ({"trigger": True, "trigger_seq": 9}, (Triggered(9, "", 2),)),
        ({"trigger": True, "trigger_seq": 8}, (Triggered(8, "", 2),)),
        ({"trigger": True, "trigger_seq": 0}, ()),
        ({"challenge": True}, (Challenging(on=True),)),
        ({"encoder": 5, "part_id": "x", "deadline_ms": 4}, ()),
    ],
)
def test_a_change(change, asked):
    assert edges(RUNNING, replace(RUNNING, **change)) == asked


@pytest.mark.parametrize("bit", ["trigger", "ack", "reset"])
def test_a_bit_that_stays_or_falls_asks_for_nothing(bit):
    held = replace(RUNNING, **{bit: True})
    assert edges(held, held) == ()
    assert edges(held, RUNNING) == ()


def test_levels_that_fall_are_told():
    assert edges(replace(RUNNING, offline=True), RUNNING) == (Halted(on=False),)


def test_an_acknowledgement_beside_the_next_trigger_means_the_part_before_and_comes_first():
    after = replace(RUNNING, ack=True, trigger=True, trigger_seq=9, part_id="next", encoder=7, deadline_ms=90)
    assert edges(RUNNING, after) == (Acknowledged(8), Triggered(9, "next", 2, 90, 7))


def test_everything_at_once_in_the_order_in_which_it_is_to_be_heard():
    after = ControllerImage(True, True, True, True, True, True, 1, 9, "p", 3, 0, 0)
    names = [type(command).__name__ for command in edges(replace(REST, trigger_seq=8), after)]
    assert names == [
        "Alive",
        "Halted",
        "ResetAsked",
        "Enabled",
        "Challenging",
        "RecipeAsked",
        "Acknowledged",
        "Triggered",
    ]


def test_what_stands_at_the_start_is_no_edge_but_its_levels_count():
    first = ControllerImage(True, True, True, True, True, False, 4, 8, "p", 3)
    assert edges(at_start(first), first) == (Alive(), Halted(on=True), Enabled(on=True), RecipeAsked(3))
    assert edges(at_start(REST), REST) == ()


@given(IMAGES, IMAGES)
def test_a_trigger_never_comes_without_its_edge_and_number(before, after):
    asked = edges(before, after)
    triggers = [command for command in asked if isinstance(command, Triggered)]
    assert len(triggers) == (after.trigger and not before.trigger and after.trigger_seq != 0)
    assert not triggers or asked[-1] is triggers[0]
    assert edges(after, after) == ()
