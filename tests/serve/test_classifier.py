"""A real classifier behind the door: bundle, session, rules, HTTP."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.bundle import seal
from lineproof.cli.assemble import Callers, open_inspector
from lineproof.rules.tolerance import Rules
from lineproof.serve.readiness import Loaded
from lineproof.serve.schemas import InspectionOut
from serve.served import FACTS, serving
from tiny_bundle import PARTS, part
from tiny_classifier import classifier_bundle, classifier_manifest, tiny_classifier

BLUE, RED = (255, 0, 0), (0, 0, 255)


def loaded(path: Path, at_once: int = 1) -> Loaded:
    inspector, bundle = open_inspector(path, Rules(), "cpu", callers=Callers(at_once=at_once))
    return Loaded(inspector, FACTS.model_copy(update={"task": bundle.manifest.task, "classes": ["blue", "red"]}))


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture
def bundle(tmp_path):
    return classifier_bundle(tmp_path / "sorter").path


def test_each_class_on_the_image_comes_as_its_whole_frame(bundle):
    image = cv2.resize(part((0, 0, (200, 0, 0)), (3, 3, RED)), (320, 320), interpolation=cv2.INTER_NEAREST)
    with serving(load=lambda: loaded(bundle)) as server:
        assert server.client.get("/v1/bundle").json()["task"] == "classify"
        body = server.post(png(image)).json()
    assert InspectionOut.model_validate(body).decision == "FAIL"
    assert [(row["class"], row["box"], row["area_px"]) for row in body["detections"]] == [
        ("red", [0, 0, 320, 320], 320 * 320),
        ("blue", [0, 0, 320, 320], 320 * 320),
    ]
    assert [reason["detection"] for reason in body["reasons"]] == [1, 0]
    assert "polygon" not in body["detections"][0]


@pytest.mark.parametrize("at_once", [1, 3])
def test_several_callers_get_their_own_answers(bundle, at_once):
    want = {"ok.png": "PASS", "blue.png": "FAIL", "red and blue.png": "FAIL"}
    wrong: list[str] = []
    with serving(load=lambda: loaded(bundle, at_once), threads=3) as server:

        def ask(name: str) -> None:
            answers = [server.post(png(PARTS[name])).json()["decision"] for _ in range(6)]
            wrong.extend(answer for answer in answers if answer != want[name])

        callers = [threading.Thread(target=ask, args=(name,)) for name in want]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert wrong == []


def test_an_answer_that_is_no_probability_is_a_fault_never_a_pass(tmp_path):
    broken = seal(
        tmp_path / "broken", classifier_manifest(), tiny_classifier(gain=9, squash="Relu")
    )  # grey: 0; blue: 9
    with serving(load=lambda: loaded(broken.path)) as server:
        assert server.post(png(part())).json()["decision"] == "PASS"
        body = server.post(png(part((0, 0, BLUE)))).json()
    assert body["decision"] == "FAULT"
    assert "probabilities" in body["reasons"][0]["text"]


def test_a_model_that_gives_no_numbers_never_gets_ready(tmp_path):
    broken = seal(tmp_path / "broken", classifier_manifest(), tiny_classifier(gain=float("nan")))
    with serving(load=lambda: loaded(broken.path), wait=False) as server:
        for _ in range(20):
            assert server.error(server.post(png(part()))) == (503, "not_ready")
        assert "probabilities" in server.client.get("/v1/health/ready").text
