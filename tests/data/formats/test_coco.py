"""COCO folders: gaps in ids, polygons and run lengths, several files, where images may lie, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineproof.data.formats.coco import find_coco, read_coco_folder
from lineproof.data.formats.source import Labelled, ReadOptions, Source, Unlabelled
from lineproof.errors import DatasetError
from source_folders import WH, coco, write_picture, write_text

BOX = {"id": 1, "image_id": 10, "category_id": 7, "bbox": [4, 5, 10, 11], "iscrowd": 0, "segmentation": []}


def read(folder: Path) -> Source:
    return read_coco_folder(folder, ReadOptions())


def truths(source: Source) -> dict[str, Labelled]:
    found = {item.image.name: item.label.read(WH) for item in source.items}
    return {name: label for name, label in found.items() if isinstance(label, Labelled)}


def edit(folder: Path, **changes: object) -> Path:
    path = folder / "instances.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_ids_with_gaps_and_images_without_defects(tmp_path: Path) -> None:
    source = read(coco(tmp_path, [BOX, {**BOX, "id": 9, "category_id": 3, "bbox": [0, 0, 1.5, 2]}]))
    assert source.classes == ("scratch", "dent")
    first, second = truths(source)["0.jpg"], truths(source)["1.jpg"]
    assert first.truth.xyxy.tolist() == [[4, 5, 14, 16], [0, 0, 1.5, 2]]
    assert first.truth.class_id.tolist() == [1, 0]
    assert (len(second.truth), second.outlined) == (0, 0)


@pytest.mark.parametrize(
    ("segmentation", "area"),
    [
        ([[4, 5, 14, 5, 14, 16, 4, 16]], 110),
        ([[4, 5, 8, 5, 8, 16, 4, 16], [10, 5, 14, 5, 14, 16, 10, 16]], 88),  # one defect in two pieces
        ({"size": [48, 64], "counts": [48 * 4 + 5, 11, 37, 11, 64 * 48 - 48 * 4 - 5 - 59]}, 22),
        ({"size": [48, 64], "counts": "U6;U10kf2"}, 22),
    ],
)
def test_masks(tmp_path: Path, segmentation: object, area: int) -> None:
    found = truths(read(coco(tmp_path, [{**BOX, "segmentation": segmentation}])))["0.jpg"].truth
    assert found.masks is not None
    assert found.area_px.tolist() == [area]
    assert found.xyxy.tolist() == [[4, 5, 14, 16]]


def test_a_missing_box_comes_from_the_outline(tmp_path: Path) -> None:
    bare = {"image_id": 10, "category_id": 3, "segmentation": [[1, 2, 9.5, 2, 9.5, 7, 1, 7]]}
    runs = {**bare, "segmentation": {"size": [48, 64], "counts": [50, 2, 3020]}}
    found = truths(read(coco(tmp_path, [bare, runs])))["0.jpg"].truth
    assert found.xyxy.tolist() == [[1, 2, 9.5, 7], [1, 2, 2, 4]]


def test_crowd_regions_are_kept_and_told(tmp_path: Path) -> None:
    source = read(coco(tmp_path, [{**BOX, "iscrowd": 1}]))
    assert len(truths(source)["0.jpg"].truth) == 1
    assert source.notes == ("1 crowd region (iscrowd) kept as ordinary defects",)


def test_an_image_the_file_does_not_list_is_not_a_good_part(tmp_path: Path) -> None:
    write_picture(coco(tmp_path, [BOX]) / "extra.jpg")
    labels = {item.image.name: item.label.read(WH) for item in read(tmp_path).items}
    assert labels["extra.jpg"] == Unlabelled("not in the JSON")


def move_images(folder: Path, where: str) -> Path:
    (folder / where).mkdir(parents=True, exist_ok=True)
    for picture in sorted(folder.glob("*.jpg")):
        picture.rename(folder / where / picture.name)
    return folder


@pytest.mark.parametrize("where", [".", "images", "train2017", "images/train2017", "photos"])
def test_places_of_images(tmp_path: Path, where: str) -> None:
    coco(tmp_path, [BOX], name="annotations/instances_train2017.json")
    source = read(move_images(tmp_path, where))
    assert [item.image for item in source.items] == [tmp_path / where / "0.jpg", tmp_path / where / "1.jpg"]
    assert {item.split for item in source.items} == {"train"}


def test_file_names_with_folders_and_of_windows(tmp_path: Path) -> None:
    coco(tmp_path, [BOX])
    move_images(tmp_path, "images/lot 1")
    names = ["lot 1\\0.jpg", "./lot 1/1.jpg"]
    edit(tmp_path, images=[{"id": 10 * (n + 1), "file_name": name} for n, name in enumerate(names)])
    assert [item.image.relative_to(tmp_path).as_posix() for item in read(tmp_path).items] == [
        "images/lot 1/0.jpg",
        "images/lot 1/1.jpg",
    ]


def test_a_file_per_split_folder(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        coco(tmp_path / split, [BOX], name="_annotations.coco.json")
    source = read(tmp_path)
    assert [(item.image.relative_to(tmp_path).as_posix(), item.split) for item in source.items] == [
        ("train/0.jpg", "train"),
        ("train/1.jpg", "train"),
        ("valid/0.jpg", "val"),
        ("valid/1.jpg", "val"),
    ]


def test_several_files_of_one_split_with_other_ids_for_the_same_classes(tmp_path: Path) -> None:
    coco(tmp_path / "a", [BOX], name="train_a.json")
    coco(tmp_path / "b", [{**BOX, "category_id": 1}], name="train_b.json")
    path = tmp_path / "b" / "train_b.json"
    renumbered = {**json.loads(path.read_text()), "categories": [{"id": 1, "name": "dent"}, {"id": 2, "name": "hole"}]}
    path.write_text(json.dumps(renumbered))
    source = read(tmp_path)
    assert source.classes == ("scratch", "dent", "hole")
    assert [found.truth.class_id.tolist() for found in truths(source).values()] == [[1], []]
    assert len(source.items) == 4
    assert {item.split for item in source.items} == {"train"}


def test_an_image_in_two_files_is_refused(tmp_path: Path) -> None:
    coco(tmp_path, [BOX], name="instances_all.json")
    coco(tmp_path, [BOX], name="instances_train.json")
    with pytest.raises(DatasetError, match=r"0.jpg: is in instances_all.json and in instances_train.json"):
        read(tmp_path)


def test_a_heading_without_annotations_is_left_out(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "defects", "supercategory": "none"},
        {"id": 1, "name": "dent", "supercategory": "defects"},
    ]
    coco(tmp_path, [])
    source = read(edit(tmp_path, categories=categories, annotations=[{**BOX, "category_id": 1}]))
    assert source.classes == ("dent",)
    assert "category 'defects' left out" in source.notes[0]
    assert truths(source)["0.jpg"].truth.class_id.tolist() == [0]


def test_a_class_without_annotations_that_is_its_own_heading_stays(tmp_path: Path) -> None:
    coco(tmp_path, [BOX])
    categories = [{"id": n, "name": name, "supercategory": name} for n, name in ((3, "scratch"), (7, "dent"))]
    assert read(edit(tmp_path, categories=categories)).classes == ("scratch", "dent")


def test_files_that_would_make_every_image_a_good_part_are_not_coco(tmp_path: Path) -> None:
    coco(tmp_path, [])
    write_text(tmp_path / "captions.json", json.dumps({"images": [], "annotations": [{"id": 1, "caption": "x"}]}))
    write_text(
        tmp_path / "image_info.json", json.dumps({"images": [{"id": 1, "file_name": "0.jpg"}], "categories": []})
    )
    assert [path.name for path in find_coco(tmp_path)] == ["instances.json"]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({**BOX, "image_id": 5}, r"annotations\[0\]: image_id 5"),
        ({**BOX, "category_id": 4}, r"annotations\[0\]: category_id 4"),
        ({**BOX, "bbox": [1, 2, 3]}, r"annotations\[0\].bbox\[3\]: Field required"),
        ({**BOX, "bbox": ["a", 2, 3, 4]}, r"annotations\[0\].bbox\[0\]"),
        ({"image_id": 10, "category_id": 3}, "image 0.jpg, annotation None: neither bbox nor segmentation"),
        ({**BOX, "segmentation": [[1, 2, 3, 4]]}, "annotation 1: a polygon of 4 numbers"),
        ({**BOX, "segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "annotation 1: a polygon of 7 numbers"),
        ({**BOX, "segmentation": {"size": [64, 48], "counts": [3072]}}, "a mask of 48×64 on an image of 64×48"),
        ({**BOX, "segmentation": {"size": [48, 64], "counts": [3000]}}, "cover 3000 pixels"),
        ({**BOX, "segmentation": {"size": [48, 64], "counts": "~~"}}, "damaged text"),
    ],
)
def test_wrong_annotations_are_refused_by_record(tmp_path: Path, annotation: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        truths(read(coco(tmp_path, [annotation])))
    assert "instances.json" in str(caught.value)


def test_annotations_of_absent_images_are_refused(tmp_path: Path) -> None:
    coco(tmp_path, [BOX], images=8)
    for number in range(1, 8):
        (tmp_path / f"{number}.jpg").unlink()
    with pytest.raises(
        DatasetError, match=r"7 images annotated but not there: 1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg and 2 more"
    ):
        read(tmp_path)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    write_picture(coco(tmp_path, [BOX]) / "0.jpg", (32, 24))
    with pytest.raises(DatasetError, match=r"image 0.jpg: the file says 64×48, the image is 32×24"):
        read(tmp_path).items[0].label.read((32, 24))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [{"id": 1, "file_name": "0.jpg"}, {"id": 1, "file_name": "1.jpg"}]}, "an image id is there twice"),
        ({"images": [{"id": 1, "file_name": "0.jpg"}, {"id": 2, "file_name": "0.jpg"}]}, "1 image listed twice: 0.jpg"),
        ({"images": [{"id": 1, "file_name": "../0.jpg"}]}, "1 image annotated but not there"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "an id is there twice"),
        ({"categories": []}, "names no class"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    write_picture(tmp_path / "0.jpg")
    coco(tmp_path / "set", [])
    with pytest.raises(DatasetError, match=message):
        read(edit(tmp_path / "set", **changes))
