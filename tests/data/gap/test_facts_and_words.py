from dataclasses import replace

import cv2
import numpy as np
import pytest

from drawn_dataset import texture
from lineproof.data.gap import Side, measure_gap
from lineproof.data.gap.facts import MEASURES, compare_facts, measure_image
from lineproof.data.gap.words import differing, gap_dict, gap_text, verdict

NAMES = [measure.name for measure in MEASURES]


def fact(image: np.ndarray, name: str) -> float:
    return float(measure_image(image)[NAMES.index(name)])


def test_facts_of_a_flat_image():
    flat = np.full((40, 60, 3), 90, np.uint8)
    assert measure_image(flat).tolist() == [90, 0, 0, 0, 0, 60, 40]


def test_noise_is_measured_in_grey_levels():
    rng = np.random.default_rng(0)
    for sigma in (2, 6):
        image = np.clip(120 + rng.normal(0, sigma, (200, 200, 1)) + np.arange(200)[:, None] / 8, 0, 255)
        assert fact(np.repeat(image.astype(np.uint8), 3, axis=2), "noise") == pytest.approx(sigma, rel=0.12)


def test_blur_lowers_sharpness_and_more_light_does_not():
    image = texture(0)
    assert fact(cv2.GaussianBlur(image, (0, 0), 2), "sharpness") < 0.5 * fact(image, "sharpness")
    assert fact((image * 0.6).astype(np.uint8), "sharpness") == pytest.approx(fact(image, "sharpness"), rel=0.1)
    assert fact((image * 0.6).astype(np.uint8), "brightness") == pytest.approx(
        0.6 * fact(image, "brightness"), rel=0.02
    )


def test_colour_of_a_mono_and_of_a_red_image():
    assert fact(texture(0), "colour") == 0
    assert fact(np.full((9, 9, 3), (10, 10, 110), np.uint8), "colour") == pytest.approx(100)


def test_an_image_of_one_pixel_has_facts():
    assert np.isfinite(measure_image(np.full((1, 1, 3), 5, np.uint8))).all()


def sides(gain: float = 1.0, shift: float = 0.0, shots: int = 1) -> tuple[Side, Side]:
    """Twenty parts on either side; features are random, but for a shift; images of B get `gain`."""
    found = []
    for name, first in (("A", 0), ("B", 20)):
        images = [texture(first + part) for part in range(20) for _ in range(shots)]
        if name == "B":
            images = [np.clip(image * gain, 0, 255).astype(np.uint8) for image in images]
        features = np.random.default_rng(first).normal(size=(20, 32)).repeat(shots, axis=0) + shift * (name == "B")
        groups = [f"{name}{part}" for part in range(20) for _ in range(shots)]
        facts = np.stack([measure_image(image) for image in images])
        found.append(Side(name, features.astype(np.float32), facts, groups))
    return found[0], found[1]


def test_words_say_that_b_is_darker_and_by_how_much():
    gap = measure_gap(*sides(gain=0.6, shift=2.0))
    assert verdict(gap) == "very different"
    assert {"brightness", "contrast"} <= {each.measure.name for each in differing(gap)}
    text = gap_text(gap)
    assert "light differs, B is darker (brightness 1" in text
    assert "against 7" in text
    assert "width" not in text[text.index("Figures") :]


def test_words_say_when_light_is_alike_but_the_parts_differ():
    text = gap_text(measure_gap(*sides(shift=2.0)))
    assert "what differs is what is shown" in text
    assert "Annotate the images outside first" in text


def test_words_say_when_nothing_was_found():
    gap = measure_gap(*sides())
    assert verdict(gap) == "no difference found"
    assert "should hold for B" in gap_text(gap)
    assert not differing(gap)


def test_light_that_only_the_pixels_show_is_not_called_no_difference():
    gap = measure_gap(*sides(gain=0.6))
    assert gap.test.p > 0.05
    assert verdict(gap) == "alike to the network"
    text = gap_text(gap)
    assert "light differs, B is darker" in text
    assert "should hold" not in text


def test_few_groups_are_said_to_prove_little():
    a, b = sides()
    few = [Side(s.name, s.features[:8], s.facts[:8], s.groups[:8]) for s in (a, b)]
    assert "fewer than 20 groups" in gap_text(measure_gap(*few))


def test_parts_on_both_sides_are_pointed_out():
    a, b = sides()
    gap = measure_gap(a, replace(b, groups=[*a.groups[:3], *b.groups[3:]]))
    assert gap.shared_groups == 3
    assert "3 parts shown in both sets" in gap_text(gap)


def test_more_shots_of_the_same_parts_are_no_more_evidence():
    once, often = (compare_facts(a.facts, b.facts, a.groups, b.groups) for a, b in (sides(), sides(shots=5)))
    assert [each.p for each in once] == [each.p for each in often]


def test_the_dict_is_plain_json():
    import json

    facts = json.loads(json.dumps(gap_dict(measure_gap(*sides(shift=2.0)))))
    assert facts["p"] <= 0.01
    assert facts["outside"]["count"] > 0
    assert facts["b"] == {"name": "B", "images": 20, "groups": 20}
