from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lineproof.adapt.augment import Augmentation, load_augmentation
from lineproof.adapt.visibility_check import _surely_more, check_visible, measure, sample_views
from lineproof.data.dataset import Dataset
from lineproof.data.importer import ImportOptions, import_dataset
from lineproof.errors import GateError
from lineproof.presets import preset_names


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
    some = {"name": "Exposure", "p": 0.5, "stops": [-0.5, 1.6]}  # above 1.2 stops all of the part is white
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


def few_tiles(shared_root: Path, folder: Path, per_class: int = 12) -> Path:
    for source in sorted((shared_root / "data" / "magnetic-tile").glob("MT_*")):
        target = folder / source.name / "Imgs"
        target.mkdir(parents=True)
        pictures = sorted((source / "Imgs").glob("*.jpg"))
        for picture in pictures[:: max(1, len(pictures) // per_class)][:per_class]:
            shutil.copy(picture, target)
            shutil.copy(picture.with_suffix(".png"), target)
    return folder


def few_strips(shared_root: Path, folder: Path, per_class: int = 10) -> Path:
    source = shared_root / "data" / "neu-det"
    document = json.loads((source / "instances_all.json").read_text("utf-8"))
    kept = {row["id"]: row for row in document["images"] if int(row["file_name"][:-4].rsplit("_", 1)[1]) <= per_class}
    document["images"] = list(kept.values())
    document["annotations"] = [row for row in document["annotations"] if row["image_id"] in kept]
    (folder / "images").mkdir(parents=True)
    for row in kept.values():
        shutil.copy(source / "images" / row["file_name"], folder / "images")
    (folder / "instances.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.mark.shared
@pytest.mark.parametrize(("few", "hidden"), [(few_tiles, "Crack"), (few_strips, "crazing")])
def test_shipped_presets_pass_on_real_parts_and_a_blur_of_31_does_not(shared_root, tmp_path, few, hidden):
    source = few(shared_root, tmp_path / "source")
    imported = import_dataset(source, tmp_path / "data", ImportOptions(unlabelled="skip")).dataset
    dataset = replace(imported, samples=tuple(replace(sample, split="train") for sample in imported.samples))
    views = sample_views(dataset, 256)
    for name in preset_names("augment"):
        seen = measure(views, dataset.classes, load_augmentation(name), 256)
        assert not seen.refusals, f"{name}: {seen.refusals[0]}"
    with pytest.raises(GateError, match=rf"MotionBlur hides [^:]*{hidden}"):
        check_visible(dataset, asked(BLUR), 256)
