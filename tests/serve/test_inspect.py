"""POST /v1/inspect: what comes back for a good picture."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from builders import detections
from lineproof.core import BoxMask, Detections
from lineproof.serve.schemas import InspectionOut
from serve.served import SCRATCH, Kept, engine, masked, picture, serving

FIELDS = [
    "inspection_id", "part_id", "decision", "reasons", "detections", "timings_ms", "bundle", "provider", "model_input",
    "image",
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "decision"),
    [
        (Detections.empty(), "PASS"),
        (SCRATCH, "FAIL"),
        (detections((1, 1, 9, 9, 0.4, 1)), "REVIEW"),
        (detections((1, 1, 9, 9, 0.1, 1)), "PASS"),
        (masked((10, 10, 30, 20, 0.9, 0), (1, 1, 3, 3, 0.02, 1)), "FAIL"),
        (RuntimeError("the card fell out"), "FAULT"),
    ],
)
def test_the_answer_has_exactly_the_documented_fields(found, decision):
    with serving(engine(found)) as server:
        response = server.post(part_id="4711", view="top")
    assert response.status_code == 200
    body = response.json()
    assert list(body) == FIELDS
    assert InspectionOut.model_validate(body).decision == decision
    assert (body["part_id"], body["image"]) == ("4711", [64, 48])
    assert list(body["timings_ms"]) == ["decode", "preprocess", "infer", "postprocess", "judge", "total"]
    assert bool(body["reasons"]) == (decision != "PASS")


def test_a_detection_is_in_pixels_of_the_picture():
    with serving(engine(SCRATCH)) as server:
        body = server.post().json()
    assert body["detections"] == [{"class": "scratch", "score": 0.9, "box": [10.0, 10.0, 30.0, 20.0], "area_px": 200.0}]
    assert body["reasons"] == [{"rule": "scratch.score", "text": "scratch: score 0.90 ≥ 0.50", "detection": 0}]


def test_a_mask_gives_its_own_area_and_an_outline_for_each_piece():
    bitmap = np.zeros((20, 20), np.bool_)
    bitmap[:10, :10] = bitmap[15:, 15:] = True
    found = Detections([[5, 5, 25, 25]], [0.9], [0], (BoxMask(5, 5, bitmap),))
    with serving(engine(found)) as server:
        row = server.post().json()["detections"][0]
    assert row["area_px"] == 125
    assert [sorted(outline) for outline in row["polygon"]] == [
        [[5, 5], [5, 14], [14, 5], [14, 14]],
        [[20, 20], [20, 24], [24, 20], [24, 24]],
    ]


@pytest.mark.parametrize(
    "kind", [None, "image/jpeg", "image/x-odd", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_raw_bytes_are_taken_under_any_sensible_type(kind):
    with serving(engine(otherwise=SCRATCH)) as server:
        headers = {} if kind is None else {"Content-Type": kind}
        response = server.client.post("/v1/inspect", content=picture(), headers=headers)
    assert response.json()["decision"] == "FAIL"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
def test_a_form_gives_the_same_pixels_as_the_body(suffix):
    scripted = engine()
    with serving(scripted) as server:
        server.post(picture(suffix, grey=77))
        server.client.post("/v1/inspect", files={"image": picture(suffix, grey=77)})
    first, second = scripted.images
    assert np.array_equal(first, second)


def test_a_part_without_a_name_gets_a_fresh_one_each_time():
    with serving() as server:
        bodies = [server.post().json() for _ in range(2)]
    assert bodies[0]["part_id"] != bodies[1]["part_id"]
    assert bodies[0]["inspection_id"] != bodies[1]["inspection_id"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", body["part_id"]) for body in bodies)


def test_every_inspection_is_recorded_with_its_picture():
    kept = Kept()
    with serving(engine(SCRATCH, RuntimeError("gone")), recorder=kept) as server:
        answers = [server.post(part_id=name, view="top").json() for name in ("a", "b", "c")]
        kept.wait(3)
        assert not kept.closed
    assert kept.closed
    for answer, (inspection, image) in zip(answers, kept.rows, strict=True):
        assert inspection.inspection_id == answer["inspection_id"]
        assert (inspection.decision, inspection.view, inspection.source_id) == (answer["decision"], "top", "http")
        assert image.shape == (48, 64, 3)
        assert inspection.times_ms.total >= 0


def test_text_is_utf8_json():
    with serving(engine(RuntimeError('Kurzschluß "3"\n≥'))) as server:
        response = server.post()
    assert json.loads(response.content.decode())["reasons"][0]["text"] == 'RuntimeError: Kurzschluß "3"\n≥'
