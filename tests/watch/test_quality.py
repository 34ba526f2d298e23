from __future__ import annotations

import pytest

from builders import image
from camera_scene import seen
from lineproof.errors import SettingsError
from lineproof.settings import parse_settings
from lineproof.watch.measures import glimpse
from lineproof.watch.position import Template
from lineproof.watch.quality import QualityGate
from lineproof.watch.settings import QualitySettings

POSITION = {"template": "t.png", "max_shift_px": 5, "max_turn_deg": 1, "min_match": 0.5}


def test_without_limits_every_frame_is_taken():
    gate = QualityGate(QualitySettings())
    assert [gate.check(image(grey=grey)) for grey in (0, 128, 255)] == [None] * 3


@pytest.mark.parametrize(
    ("limits", "grey", "says"),
    [
        ({"mean": (80, 120)}, 3, "too dark: mean 3, learnt 80–120"),
        ({"mean": (80, 120)}, 200, "too bright: mean 200, learnt 80–120"),
        ({"mean": (80, 120)}, 80, None),
        ({"max_saturated": 0.1}, 255, "overexposed: 100% of the pixels are white, learnt ≤ 10%"),
        ({"max_dark": 0.2}, 4, "too dark: 100% of the pixels are black, learnt ≤ 20%"),
        ({"min_contrast": 40}, 100, "no contrast: 0 grey levels, learnt ≥ 40"),
        ({"left_right": (1.2, 1.5)}, 100, "unevenly lit: the left half is 1.00 of the right, learnt 1.20–1.50"),
        ({"top_bottom": (0.1, 0.5)}, 100, "unevenly lit: the upper half is 1.00 of the lower, learnt 0.10–0.50"),
        ({"min_sharpness_fine": 0.9}, 100, "out of focus: sharpness 0.500, learnt ≥ 0.900"),
        ({"min_sharpness_coarse": 0.9}, 100, "out of focus: coarse sharpness 0.500, learnt ≥ 0.900"),
        ({"image_wh": (640, 480)}, 100, "the picture is 64×48, commissioned at 640×480"),
    ],
)
def test_every_limit_stands_alone(limits, grey, says):
    assert QualityGate(QualitySettings(**limits)).check(image(grey=grey)) == says


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"mean": [120, 80]}, "120.0 is above 80.0: swap them"),
        ({"meen": [1, 2]}, "meen: unknown key, did you mean 'mean'"),
        ({"max_dark": 2}, "max_dark"),
        ({"n_in_a_row": 0}, "n_in_a_row"),
        ({"position": POSITION | {"max_turn_deg": -1}}, "position.max_turn_deg"),
    ],
)
def test_wrong_limits_are_named(data, says):
    with pytest.raises(SettingsError, match=says):
        parse_settings(data, QualitySettings, "line.yaml")


def test_a_template_is_whole_or_an_error(tmp_path):
    template = Template.of([glimpse(seen(n)).grey for n in range(5)])
    template.write(tmp_path / "t.png")
    again = Template.read(tmp_path / "t.png")
    assert (again.grey == template.grey).all()
    assert (again.steady == template.steady).all()
    settings = QualitySettings(position=POSITION).located(tmp_path)
    assert settings.position.template == tmp_path / "t.png"
    assert QualityGate.open(settings).check(seen(9)) is None
    other_shape = QualityGate.open(settings).check(seen(9)[:150])
    assert other_shape == "the picture reduces to 160×75, the template is 160×120"
    whole = (tmp_path / "t.png").read_bytes()
    (tmp_path / "t.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SettingsError, match=r"quality\.position\.template: .*t\.png: truncated or damaged") as caught:
        QualityGate.open(settings)
    assert "lineproof commission" in caught.value.hint
    (tmp_path / "t.png").unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        QualityGate.open(settings)
    with pytest.raises(SettingsError, match="no template"):
        QualityGate(settings)
