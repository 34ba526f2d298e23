"""Mask folders: grey values to instances, the three layouts, and what an empty mask means."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.data.formats.mask_image import mask_instances
from lineproof.data.formats.masks import read_mask_folder
from lineproof.data.formats.source import Labelled, ReadOptions, Source, Unlabelled
from lineproof.errors import DatasetError
from source_folders import WH, write_mask, write_picture

A_BOX = (4, 5, 14, 16)


def read(folder: Path, **options: object) -> Source:
    return read_mask_folder(folder, ReadOptions(**options))


def labels(source: Source) -> dict[str, Labelled | Unlabelled]:
    return {item.image.name: item.label.read(WH) for item in source.items}


def defects(source: Source) -> dict[str, list[tuple[str, list[float]]]]:
    """Class and box of every instance, by image."""
    found = {}
    for item in source.items:
        label = item.label.read(WH)
        assert isinstance(label, Labelled), label
        names = [source.classes[class_id] for class_id in label.truth.class_id]
        found[item.image.name] = list(zip(names, label.truth.xyxy.tolist(), strict=True))
    return found


def grey(*rows: str) -> np.ndarray:
    """A picture of digits: 0 black, 9 white."""
    return np.array([[int(pixel) * 28 for pixel in row] for row in rows], np.uint8)


def test_components_touch_by_corners_too() -> None:
    found = mask_instances(grey("9000", "0900", "0000", "0009"), 2, threshold=127, min_speck_px=0)
    assert [instance.xyxy for instance in found] == [(0, 0, 2, 2), (3, 3, 4, 4)]
    assert [instance.mask.area_px for instance in found if instance.mask] == [2, 1]
    assert {instance.class_id for instance in found} == {2}


def test_only_pixels_above_the_threshold_count_and_specks_are_dropped() -> None:
    picture = grey("99940", "99900", "00005", "00000")
    assert [i.xyxy for i in mask_instances(picture, 0, threshold=127, min_speck_px=2)] == [(0, 0, 3, 2)]
    assert [i.xyxy for i in mask_instances(picture, 0, threshold=100, min_speck_px=2)] == [(0, 0, 4, 2)]
    assert len(mask_instances(picture, 0, threshold=127, min_speck_px=1)) == 2
    assert mask_instances(picture, 0, threshold=252, min_speck_px=1) == []


def test_a_ring_and_the_spot_in_it_are_two() -> None:
    found = mask_instances(grey("99999", "90009", "90909", "90009", "99999"), 0, threshold=127, min_speck_px=0)
    assert [i.mask.area_px for i in found if i.mask] == [16, 1]


def tiles(root: Path) -> Path:
    """The layout of the magnetic tile data."""
    for name, boxes in (("Crack", [A_BOX, (30, 30, 40, 40)]), ("Fray", [A_BOX]), ("Free", [])):
        write_picture(root / f"MT_{name}" / "Imgs" / f"{name}_1.jpg")
        write_mask(root / f"MT_{name}" / "Imgs" / f"{name}_1.png", *boxes)
    return root


def test_a_folder_per_class(tmp_path: Path) -> None:
    source = read(tiles(tmp_path))
    assert source.classes == ("Crack", "Fray")
    assert source.notes == ("good parts: MT_Free",)
    assert "3 class folders (MT_Crack, MT_Fray, MT_Free)" in source.reason
    assert defects(source) == {
        "Crack_1.jpg": [("Crack", [4, 5, 14, 16]), ("Crack", [30, 30, 40, 40])],
        "Fray_1.jpg": [("Fray", [4, 5, 14, 16])],
        "Free_1.jpg": [],
    }


def test_a_common_beginning_that_belongs_to_the_names_stays(tmp_path: Path) -> None:
    for name in ("scratch_deep", "scratch_light", "ok"):
        write_picture(tmp_path / name / f"{name}.jpg")
        write_mask(tmp_path / name / f"{name}.png", *([] if name == "ok" else [A_BOX]))
    assert read(tmp_path).classes == ("scratch_deep", "scratch_light")


def test_masks_beside_by_their_ending(tmp_path: Path) -> None:
    for name in ("crack", "good"):
        write_picture(tmp_path / name / f"{name}.png")
    write_mask(tmp_path / "crack" / "crack_mask.png", A_BOX)
    assert defects(read(tmp_path)) == {"crack.png": [("crack", [4, 5, 14, 16])], "good.png": []}


def test_the_layout_of_mvtec(tmp_path: Path) -> None:
    for place in ("train/good/000", "test/good/001", "test/broken/002", "test/bent/003"):
        write_picture(tmp_path / f"{place}.png")
    for place in ("broken/002", "bent/003"):
        write_mask(tmp_path / "ground_truth" / f"{place}_mask.png", A_BOX)
    source = read(tmp_path)
    assert source.classes == ("bent", "broken")
    assert {item.image.stem: item.split for item in source.items} == {
        "000": "train",
        "001": "test",
        "002": "test",
        "003": "test",
    }
    assert {name: [d[0] for d in found] for name, found in defects(source).items()} == {
        "000.png": [],
        "001.png": [],
        "002.png": ["broken"],
        "003.png": ["bent"],
    }


@pytest.mark.parametrize(
    ("image", "mask", "split"),
    [
        ("images/a.jpg", "masks/a.png", ""),
        ("images/a.png", "masks/a_mask.png", ""),
        ("train/images/a.jpg", "train/masks/a.png", "train"),
        ("images/val/a.jpg", "masks/val/a.png", "val"),
        ("a.jpg", "masks/a.png", ""),
    ],
)
def test_images_and_masks_side_by_side(tmp_path: Path, image: str, mask: str, split: str) -> None:
    write_picture(tmp_path / image)
    write_mask(tmp_path / mask, A_BOX)
    source = read(tmp_path)
    assert [item.split for item in source.items] == [split]
    assert defects(source) == {Path(image).name: [("defect", [4, 5, 14, 16])]}
    assert read(tmp_path, classes=("crack",)).classes == ("crack",)


def test_class_folders_side_by_side(tmp_path: Path) -> None:
    for name in ("crack", "hole", "good"):
        write_picture(tmp_path / "images" / name / f"{name}.jpg")
        write_mask(tmp_path / "masks" / name / f"{name}.png", *([] if name == "good" else [A_BOX]))
    assert {name: len(found) for name, found in defects(read(tmp_path)).items()} == {
        "crack.jpg": 1,
        "good.jpg": 0,
        "hole.jpg": 1,
    }


def test_an_empty_mask_in_a_defect_folder_is_a_forgotten_label(tmp_path: Path) -> None:
    write_mask(tiles(tmp_path) / "MT_Fray" / "Imgs" / "Fray_1.png")
    assert labels(read(tmp_path))["Fray_1.jpg"] == Unlabelled("empty mask in a defect folder")


def test_a_mask_of_specks_only_is_a_forgotten_label(tmp_path: Path) -> None:
    write_mask(tiles(tmp_path) / "MT_Fray" / "Imgs" / "Fray_1.png", (0, 0, 3, 3))
    assert labels(read(tmp_path))["Fray_1.jpg"] == Unlabelled("mask with only 9 px above 127, in specks under 10 px")
    found = labels(read(tmp_path, min_speck_px=9))["Fray_1.jpg"]
    assert isinstance(found, Labelled)


def test_a_black_mask_side_by_side_is_a_good_part_but_a_faint_one_is_not(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_picture(tmp_path / "images" / f"{name}.jpg")
    write_mask(tmp_path / "masks" / "a.png", A_BOX)
    write_mask(tmp_path / "masks" / "b.png")
    write_mask(tmp_path / "masks" / "c.png", A_BOX, value=1)  # classes as grey values 0, 1, 2 …
    found = labels(read(tmp_path))
    assert isinstance(found["b.jpg"], Labelled)
    assert found["c.jpg"] == Unlabelled("mask with nothing above 127, its brightest pixel is 1")
    assert isinstance(labels(read(tmp_path, mask_threshold=0))["c.jpg"], Labelled)


def test_an_image_without_mask_is_not_a_good_part(tmp_path: Path) -> None:
    (tiles(tmp_path) / "MT_Fray" / "Imgs" / "Fray_1.png").unlink()
    assert labels(read(tmp_path))["Fray_1.jpg"] == Unlabelled("no mask")


def test_a_good_part_whose_mask_marks_a_defect_is_refused(tmp_path: Path) -> None:
    write_mask(tiles(tmp_path) / "MT_Free" / "Imgs" / "Free_1.png", A_BOX)
    with pytest.raises(DatasetError, match=r"Free_1.png: marks a defect in a folder of good parts"):
        labels(read(tmp_path))


def test_a_mask_of_another_size_or_depth_is_refused(tmp_path: Path) -> None:
    place = tiles(tmp_path) / "MT_Fray" / "Imgs" / "Fray_1.png"
    write_mask(place, A_BOX, wh=(32, 24))
    with pytest.raises(DatasetError, match=r"Fray_1.png: mask of 32×24 for an image of 64×48"):
        labels(read(tmp_path))
    place.write_bytes(cv2.imencode(".png", np.zeros((48, 64), np.uint16))[1].tobytes())
    with pytest.raises(DatasetError, match=r"Fray_1.png: pixel mode .* is not 8-bit"):
        labels(read(tmp_path))


def test_masks_of_absent_images_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.jpg")
    write_mask(tmp_path / "masks" / "a.png", A_BOX)
    write_mask(tmp_path / "masks" / "b.png", A_BOX)
    with pytest.raises(DatasetError, match=r"1 mask of absent images: .*b.png"):
        read(tmp_path)


def test_a_mask_without_image_among_class_folders_is_refused(tmp_path: Path) -> None:
    write_mask(tiles(tmp_path) / "MT_Fray" / "Imgs" / "lost_mask.png", A_BOX)
    with pytest.raises(DatasetError, match=r"1 mask of absent images"):
        read(tmp_path)


def test_folders_without_masks_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match=r"no masks found"):
        read(tmp_path)
    write_picture(tmp_path / "good" / "b.jpg")
    write_mask(tmp_path / "good" / "b.png")
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"only folders of good parts"):
        read(tmp_path)
