import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.data.synth import SynthSettings, SynthShot, synth_shot, synth_shots
from lineproof.data.synth.camera import draw_view, project
from lineproof.data.synth.defects import DEFECTS
from lineproof.data.synth.part import build_part
from lineproof.data.synth.plan import SHOT, plan_part, stream
from lineproof.data.synth.settings import textures_for
from lineproof.data.synth.textures import TEXTURES
from lineproof.data.synth.truth import MIN_AREA_PX, MIN_CHANGE, MIN_MEAN_CHANGE, change_levels
from lineproof.errors import SettingsError
from lineproof.settings import load_settings, parse_settings

DATASETS = Path(__file__).parents[2] / "datasets" / "synth"
SMALL = (128, 128)


def everything(**changes: object) -> SynthSettings:
    base = {"textures": tuple(TEXTURES), "defects": tuple(DEFECTS), "size_wh": SMALL, "ok_share": 0.2}
    return SynthSettings.model_validate(base | changes)


def digest(shot: SynthShot) -> str:
    parts = [shot.image.tobytes(), shot.group.encode()]
    parts += [defect.class_name.encode() + defect.mask.tobytes() for defect in shot.defects]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def change_of(chosen: SynthSettings, seed: int, part: int, shot: int = 0) -> np.ndarray:
    """How the defects alter this very shot, in grey levels, before noise."""
    drawn = build_part(chosen, seed, part)
    rng = stream(seed, SHOT, part, shot)
    view = draw_view(rng, chosen.size_wh, drawn.optics, drawn.brightness)
    return change_levels(project(drawn.clean, view), project(drawn.altered, view))


def test_a_part_is_the_same_whatever_is_drawn_before():
    chosen = everything(shots_per_part=2)
    forward = {(s.part, s.shot): digest(s) for s in synth_shots(chosen, 5, 12)}
    backward = {(p, s): digest(synth_shot(chosen, 5, p, s)) for p in reversed(range(12)) for s in (1, 0)}
    assert forward == backward
    assert len(set(forward.values())) == 24


def test_a_fresh_process_draws_the_same_bytes():
    code = (
        "import hashlib; from lineproof.data.synth import *;"
        "s = SynthSettings(textures=('cast', 'printed'), defects=('crack', 'stain'), size_wh=(128, 128));"
        "print(hashlib.sha256(b''.join(x.image.tobytes() for x in synth_shots(s, 3, 6))).hexdigest())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    chosen = everything(textures=("cast", "printed"), defects=("crack", "stain"), ok_share=0.4)
    here = hashlib.sha256(b"".join(x.image.tobytes() for x in synth_shots(chosen, 3, 6))).hexdigest()
    assert runs == {here + "\n"}


def test_another_seed_draws_other_parts():
    assert digest(synth_shot(everything(), 1, 0)) != digest(synth_shot(everything(), 2, 0))


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_visible_where_its_mask_says(name):
    chosen = everything(defects=(name,), textures=DEFECTS[name].textures, ok_share=0, defects_per_part=(1, 1))
    for part in range(6):
        shot, change = synth_shot(chosen, 1, part), change_of(chosen, 1, part)
        (defect,) = shot.defects
        assert defect.class_name == name
        assert defect.mask.shape == (128, 128)
        assert defect.mask.sum() >= MIN_AREA_PX * 0.75  # fairness was judged before the shot moved it
        assert change[defect.mask].mean() >= MIN_MEAN_CHANGE * 0.75
        # Nothing that strikes the eye is left out of the truth.
        loud = change >= max(2 * MIN_CHANGE, 0.4 * change.max())
        assert (loud & ~defect.mask).sum() <= 0.03 * defect.mask.sum() + 3


def test_outside_the_masks_a_bad_part_looks_like_a_good_one():
    chosen = everything(ok_share=0)
    for part in range(10):
        shot, change = synth_shot(chosen, 4, part), change_of(chosen, 4, part)
        marked = np.any([d.mask for d in shot.defects], axis=0)
        assert change[~marked].mean() < 0.5


def test_masks_of_one_part_do_not_overlap():
    for shot in synth_shots(everything(ok_share=0, defects_per_part=(3, 4)), 2, 10):
        assert np.sum([d.mask for d in shot.defects], axis=0).max() == 1


def test_shots_of_a_part_share_its_group_and_its_defects():
    shots = list(synth_shots(everything(ok_share=0, shots_per_part=3), 8, 4))
    assert [s.group for s in shots[:3]] == ["part-000000"] * 3
    for first, *others in (shots[k : k + 3] for k in range(0, 12, 3)):
        assert first.defects
        for other in others:
            assert [d.class_name for d in other.defects] == [d.class_name for d in first.defects]
            assert all(d.mask.any() for d in other.defects)
            assert not np.array_equal(other.image, first.image)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.4, 1.0])
def test_the_ok_share_is_met(share):
    chosen = everything(ok_share=share)
    good = sum(not plan_part(chosen, 6, part).classes for part in range(200))
    assert good == round(200 * share)


def test_what_is_planned_is_drawn():
    chosen = everything(ok_share=0.5, size_wh=(96, 160))
    for part in range(20):
        planned, shot = plan_part(chosen, 6, part).classes, synth_shot(chosen, 6, part)
        assert bool(planned) == bool(shot.defects)
        assert shot.image.shape == (160, 96, 3)


def test_classes_are_balanced():
    chosen = everything(ok_share=0.2, defects_per_part=(1, 1))
    counts = Counter(plan_part(chosen, 6, part).classes for part in range(1500))
    del counts[()]
    assert len(counts) == len(DEFECTS)
    assert min(counts.values()) > 0.8 * max(counts.values())


def test_neither_texture_nor_brightness_tells_good_from_bad():
    chosen = load_settings(DATASETS / "demo.yaml", SynthSettings).model_copy(update={"size_wh": SMALL})
    plans = [plan_part(chosen, 3, part) for part in range(400)]
    metal = [np.mean([p.texture == "brushed_metal" for p in plans if bool(p.classes) == bad]) for bad in (False, True)]
    assert metal[0] == pytest.approx(metal[1], abs=0.12)
    shots = list(synth_shots(chosen, 3, 120))
    level = [np.mean([s.image.mean() for s in shots if bool(s.defects) == bad]) for bad in (False, True)]
    spread = np.std([s.image.mean() for s in shots])
    assert abs(level[0] - level[1]) < 0.5 * spread


def test_defects_lie_only_on_the_textures_that_can_have_them():
    chosen = everything(ok_share=0, defects_per_part=(1, 4))
    for part in range(400):
        plan = plan_part(chosen, 9, part)
        assert all(plan.texture in DEFECTS[name].textures for name in plan.classes)
    assert textures_for(chosen, "missing_print") == ("printed",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"defect": ["pit"]}, "defect: unknown key, did you mean 'defects'?"),
        ({"defects": ["pit", "scrach"]}, "unknown defect 'scrach'; known are scratch, dent, pit"),
        ({"textures": ["wood"]}, "unknown texture 'wood'; known are brushed_metal, cast, woven, printed"),
        ({"defects": ["pit", "pit"]}, "defect names must differ"),
        ({"defects": ["missing_print"], "textures": ["cast"]}, "'missing_print' occurs only on printed"),
        ({"size_wh": [64, 320]}, "expected 96 to 2048 pixels, got 64 x 320"),
        ({"defects_per_part": [3, 1]}, "expected 1 <= fewest <= most <= 12, got 3, 1"),
        ({"ok_share": 1.5}, "ok_share: Input should be less than or equal to 1"),
        ({"textures": []}, "textures: "),
    ],
)
def test_wrong_settings_say_what_is_wrong(changes, message):
    given = {"textures": ["cast", "brushed_metal"], "defects": ["pit"]} | changes
    with pytest.raises(SettingsError) as error:
        parse_settings(given, SynthSettings, "here.yaml")
    assert message in str(error.value)


@pytest.mark.parametrize(("part", "shot"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(part, shot):
    with pytest.raises(ValueError, match="expected 0 or more"):
        synth_shot(everything(), 0, part, shot)
    with pytest.raises(ValueError, match="seed: expected 0 or more"):
        synth_shot(everything(), -1, 0)
    with pytest.raises(ValueError, match="n_parts"):
        next(synth_shots(everything(), 0, -1))


def test_the_shipped_settings_keep_the_demo_defects_out_of_pretraining():
    demo = load_settings(DATASETS / "demo.yaml", SynthSettings)
    pretrain = load_settings(DATASETS / "pretrain.yaml", SynthSettings)
    assert set(demo.defects) == {"scratch", "pit", "stain"}
    assert set(pretrain.defects) == set(DEFECTS) - set(demo.defects)
    assert set(pretrain.textures) == set(TEXTURES)


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(sorted(DEFECTS)),
    wh=st.tuples(st.integers(96, 180), st.integers(96, 180)),
    seed=st.integers(0, 2**40),
    part=st.integers(0, 10**6),
)
def test_any_settings_draw_a_sound_shot(name, wh, seed, part):
    shot = synth_shot(everything(defects=(name,), textures=DEFECTS[name].textures, size_wh=wh), seed, part)
    assert shot.image.shape == (wh[1], wh[0], 3)
    assert shot.image.dtype == np.uint8
    assert 5 < shot.image.mean() < 250
    assert all(d.mask.shape == shot.image.shape[:2] and d.mask.dtype == np.bool_ for d in shot.defects)
    assert all(d.mask.any() for d in shot.defects)
