"""Alone: all cores; in company: one core each. Decided when a call starts, and right again when the company is gone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import detections
from lineproof.core import Detections, StageTimes
from lineproof.engine.scripted import Hang, ScriptedEngine
from lineproof.engine.two_speed import TwoSpeedEngine
from lineproof.errors import EngineError
from tiny_bundle import PARTS, tiny_engine

CLASSES = ("scratch",)
IMAGE = np.zeros((8, 8, 3), np.uint8)
WIDE, NARROW = detections((0, 0, 8, 8, 0.9, 0)), detections()


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Reentrant:
    """An engine during whose run others may call: `during` is what happens meanwhile."""

    classes, provider, input_wh = CLASSES, "x", (8, 8)

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log
        self.during = lambda: None

    def detect(self, _image):
        self.log.append(self.name)
        during, self.during = self.during, lambda: None
        during()
        return Detections.empty(), StageTimes()


def pair(**options: object) -> tuple[TwoSpeedEngine, Reentrant, list[str]]:
    log: list[str] = []
    wide = Reentrant("wide", log)
    return TwoSpeedEngine(wide, Reentrant("narrow", log), **options), wide, log


def test_a_lone_caller_always_gets_all_cores():
    engine, _, log = pair()
    for _ in range(20):
        engine.detect(IMAGE)
    assert log == ["wide"] * 20


def test_who_finds_company_runs_on_one_core_and_so_do_all_for_a_while():
    clock = Clock()
    engine, wide, log = pair(crowd_s=0.1, clock=clock)

    def meanwhile() -> None:
        engine.detect(IMAGE)
        clock.now_s += 0.06

    wide.during = meanwhile
    engine.detect(IMAGE)
    clock.now_s += 0.03
    engine.detect(IMAGE)  # 0.09 s after the last two ran at once
    clock.now_s += 0.02
    engine.detect(IMAGE)
    assert log == ["wide", "narrow", "narrow", "wide"]


def test_without_memory_only_the_moment_counts():
    engine, wide, log = pair(crowd_s=0.0)
    wide.during = lambda: engine.detect(IMAGE)
    engine.detect(IMAGE)
    engine.detect(IMAGE)
    assert log == ["wide", "narrow", "wide"]


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave"]), st.floats(0, 0.2)), max_size=60))
def test_the_choice_is_the_rule(steps):
    clock = Clock()
    engine, _, _ = pair(crowd_s=0.1, clock=clock)
    running, last_together_s = 0, float("-inf")
    for what, pause_s in steps:
        if running > 1:
            last_together_s = clock.now_s + pause_s
        clock.now_s += pause_s
        if what == "leave" and running:
            engine._leave()
            running -= 1
        elif what == "enter":
            chosen = engine._enter()
            running += 1
            alone = running == 1 and clock.now_s - last_together_s >= 0.1 - 1e-9
            if abs(clock.now_s - last_together_s - 0.1) > 1e-6:
                assert chosen is (engine.wide if alone else engine.narrow)
            if running > 1:
                last_together_s = clock.now_s
    assert engine._running == running


def test_an_error_is_the_callers_and_is_forgotten():
    wide = ScriptedEngine(CLASSES, [EngineError("gone")], otherwise=WIDE)
    engine = TwoSpeedEngine(wide, ScriptedEngine(CLASSES, otherwise=NARROW))
    with pytest.raises(EngineError, match="gone"):
        engine.detect(IMAGE)
    assert len(engine.detect(IMAGE)[0]) == 1
    assert engine._running == 0


def test_a_hanging_run_leaves_the_others_the_narrow_engine():
    hang = Hang(then=WIDE)
    engine = TwoSpeedEngine(ScriptedEngine(CLASSES, [hang]), ScriptedEngine(CLASSES, otherwise=NARROW))
    stuck = threading.Thread(target=engine.detect, args=(IMAGE,))
    stuck.start()
    while not engine.wide.images:
        pass
    assert [len(engine.detect(IMAGE)[0]) for _ in range(3)] == [0, 0, 0]
    hang.release.set()
    stuck.join(30)
    assert engine._running == 0


@pytest.mark.parametrize(("fact", "other"), [("classes", ("dent",)), ("input_wh", (9, 9)), ("provider", "y")])
def test_two_different_models_are_no_pair(fact, other):
    with pytest.raises(ValueError, match=fact):
        TwoSpeedEngine(ScriptedEngine(CLASSES), ScriptedEngine(**{"classes": CLASSES, fact: other}))


def test_real_sessions_answer_alike_from_many_threads():
    engine = TwoSpeedEngine(tiny_engine(), tiny_engine())
    expected = {name: engine.wide.detect(image)[0] for name, image in PARTS.items()}
    wrong: list[str] = []

    def ask() -> None:
        for name, image in list(PARTS.items()) * 20:
            found = engine.detect(image)[0]
            if not (np.array_equal(found.xyxy, expected[name].xyxy) and np.allclose(found.score, expected[name].score)):
                wrong.append(name)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert engine._running == 0
