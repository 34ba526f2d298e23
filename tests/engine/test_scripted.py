from __future__ import annotations

import threading

import pytest

from builders import detections, image
from lineproof.engine.scripted import Hang, ScriptedEngine
from lineproof.errors import EngineError
from lineproof.ports import Engine


def test_it_answers_in_turn_then_the_same_for_ever():
    one, two = detections((0, 0, 4, 4, 0.9, 0)), detections((0, 0, 4, 4, 0.5, 0))
    engine: Engine = ScriptedEngine(("scratch",), [one], otherwise=two)
    assert [engine.detect(image())[0] for _ in range(3)] == [one, two, two]


def test_it_fails_on_demand_and_goes_on():
    engine = ScriptedEngine(("scratch",), [EngineError("GPU lost")])
    with pytest.raises(EngineError, match="GPU lost"):
        engine.detect(image())
    assert len(engine.detect(image())[0]) == 0
    assert len(engine.images) == 2


def test_it_hangs_until_it_is_let_go():
    hang = Hang(then=detections((0, 0, 4, 4, 0.9, 0)))
    engine = ScriptedEngine(("scratch",), [hang])
    answers = []
    thread = threading.Thread(target=lambda: answers.append(engine.detect(image())[0]))
    thread.start()
    thread.join(0.05)
    assert answers == []
    hang.release.set()
    thread.join(5)
    assert len(answers[0]) == 1


def test_a_hang_ends_by_itself():
    engine = ScriptedEngine(("scratch",), [Hang(limit_s=0.01, then=EngineError("too late"))])
    with pytest.raises(EngineError, match="too late"):
        engine.detect(image())
