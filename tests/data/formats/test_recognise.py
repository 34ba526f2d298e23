"""What a folder holds is recognised, and when that is not clear it is asked."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lineproof.data.formats.recognise import recognise, require_one
from lineproof.errors import DatasetError
from source_folders import coco, voc_xml, write_mask, write_picture, write_text, yolo

BOX = {"id": 1, "image_id": 10, "category_id": 7, "bbox": [4, 5, 10, 11]}


def voc(root: Path) -> Path:
    write_picture(root / "a.jpg")
    write_text(root / "a.xml", voc_xml("a.jpg", ("crack", 1, 2, 3, 4)))
    return root


def masks(root: Path) -> Path:
    write_picture(root / "images" / "a.jpg")
    write_mask(root / "masks" / "a.png", (1, 1, 9, 9))
    return root


def yolo_yaml(root: Path) -> Path:
    yolo(root, {"a": ""})
    (root / "classes.txt").unlink()
    write_text(root / "data.yaml", "train: images\nnames: [a]\n")
    return root


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda root: yolo(root, {"a": ""}), "yolo (1 label file and classes.txt)"),
        (yolo_yaml, "yolo (data.yaml with names)"),
        (lambda root: coco(root / "set", [BOX]).parent, "coco (set/instances.json)"),
        (voc, "voc (1 XML file with <annotation>)"),
        (masks, "masks (images with masks of the same name in masks)"),
    ],
)
def test_each_format_is_recognised_with_its_reason(tmp_path: Path, build: Callable[[Path], Path], told: str) -> None:
    found = recognise(build(tmp_path))
    assert [str(item) for item in found] == [told]


def test_several_formats_are_listed_and_asked_for(tmp_path: Path) -> None:
    voc(coco(tmp_path, [BOX]))
    with pytest.raises(DatasetError, match=r"could be coco \(instances.json\); voc .* – say which: --format coco"):
        require_one(tmp_path, recognise(tmp_path))


def test_nothing_recognised_says_what_was_looked_for(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    write_text(tmp_path / "settings.json", "{}")
    with pytest.raises(DatasetError, match=r"no annotations recognised – expected data.yaml or"):
        require_one(tmp_path, recognise(tmp_path))


def test_a_zip_or_a_folder_below_is_pointed_at(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "labels.zip", "w") as archive:
        archive.writestr("a.txt", "")
    with pytest.raises(DatasetError, match=r"unpack labels.zip first"):
        require_one(tmp_path, recognise(tmp_path))
    yolo_yaml(tmp_path / "export")
    (tmp_path / "export" / "labels" / "a.txt").unlink()
    with pytest.raises(DatasetError, match=f"try {tmp_path}/export"):
        require_one(tmp_path, recognise(tmp_path))
