from __future__ import annotations

from pathlib import Path

import pytest

from lineproof.adapt.augment import Augmentation, load_augmentation
from lineproof.adapt.presets import preset_names
from lineproof.adapt.visibility_check import _surely_more, check_visible, measure, sample_views
from lineproof.data.dataset import Dataset, open_dataset
from lineproof.data.importer import ImportOptions, import_dataset
from lineproof.data.split import SplitOptions, split_dataset
from lineproof.errors import GateError


def asked(*transforms: dict) -> Augmentation:
    return Augmentation.model_validate({"transforms": transforms})


BLUR = {"name": "MotionBlur", "p": 0.05, "blur_limit": [31, 31]}
GLARE = {"name": "SpecularHighlight", "p": 0.1, "count": [3, 3], "size": [0.2, 0.3], "peak": [2, 2]}


@pytest.mark.parametrize("name", preset_names("augment"))
def test_presets_leave_clear_defects_visible(boxes: Dataset, masks: Dataset, name: str):
    for dataset in (boxes, masks):
        seen = check_visible(dataset, load_augmentation(name), 64)
        assert {row.transform for row in seen.figures} == {s.name for s in load_augmentation(name).transforms}
        assert {size.class_name for size in seen.sizes} == {"white", "red"}


def test_a_transform_that_hides_a_class_is_named_with_class_figure_and_remedy(masks: Dataset):
    with pytest.raises(
        GateError,
        match=r"augmentation SpecularHighlight hides white.*it leaves \d+% .*median of \d\d draws.*weaken Specular",
    ):
        check_visible(masks, asked({"name": "RandomGamma", "p": 0.5}, GLARE), 64)


def test_a_transform_that_is_never_applied_hides_nothing(masks: Dataset):
    assert check_visible(masks, asked({**GLARE, "p": 0.0}), 64).figures == ()


def test_too_many_erased_defects_are_refused_although_the_median_is_fine(masks: Dataset):
    some = {**GLARE, "count": [1, 1], "size": [0.07, 0.08], "stretch": [1, 1]}
    seen = measure(sample_views(masks, 64), masks.classes, asked(some), 64)
    assert min(row.median for row in seen.figures) > 0.5
    assert len(seen.refusals) == 1
    assert "erases defects" in str(seen.refusals[0])


def test_a_size_at_which_defects_vanish_is_refused(boxes: Dataset):
    with pytest.raises(GateError, match=r"vanishes at 4 px: half of its defects.*train with --imgsz 32 or more"):
        check_visible(boxes, asked(), 4)


def test_the_same_seed_measures_the_same(masks: Dataset):
    once, twice, other = (check_visible(masks, load_augmentation("harsh"), 64, seed=seed) for seed in (0, 0, 1))
    assert once == twice
    assert once.figures != other.figures


def test_a_few_unlucky_draws_refuse_nothing():
    assert not _surely_more(2, 24, 0.05)
    assert _surely_more(6, 24, 0.05)
    assert not _surely_more(0, 24, 0.05)


@pytest.mark.shared
def test_shipped_presets_pass_on_magnetic_tiles_and_a_blur_of_31_does_not(shared_root: Path, tmp_path: Path):
    source = shared_root / "data" / "magnetic-tile"
    import_dataset(source, tmp_path / "tile", ImportOptions(unlabelled="skip"))
    split_dataset(open_dataset(tmp_path / "tile"), SplitOptions(0.2, 0.0, 0, "given"))
    _presets_pass(open_dataset(tmp_path / "tile"))
    with pytest.raises(GateError, match=r"MotionBlur hides [^:]*Crack"):
        check_visible(open_dataset(tmp_path / "tile"), asked(BLUR), 256)


@pytest.mark.shared
def test_shipped_presets_pass_on_steel_strip_whose_defects_are_textures(shared_root: Path, tmp_path: Path):
    import_dataset(shared_root / "data" / "neu-det", tmp_path / "neu", ImportOptions())
    split_dataset(open_dataset(tmp_path / "neu"), SplitOptions(0.2, 0.0, 0, "given"))
    _presets_pass(open_dataset(tmp_path / "neu"))
    with pytest.raises(GateError, match="MotionBlur"):
        check_visible(open_dataset(tmp_path / "neu"), asked(BLUR), 256)


def _presets_pass(dataset: Dataset) -> None:
    for imgsz in (256, 320):
        for seed in (0, 1):
            views = sample_views(dataset, imgsz, seed=seed)
            for name in preset_names("augment"):
                seen = measure(views, dataset.classes, load_augmentation(name), imgsz, seed=seed)
                assert not seen.refusals, f"{name}, seed {seed}: {seen.refusals[0]}"
