"""YOLO folders: the line parser, every form of data.yaml, folders and lists, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.data.formats.source import Labelled, ReadOptions, Source, Unlabelled
from lineproof.data.formats.yolo import read_yolo
from lineproof.data.formats.yolo_label import YoloLine, parse_line
from lineproof.errors import DatasetError, InputError
from source_folders import WH, write_picture, write_text, yolo

BOX = "0 0.5 0.5 0.25 0.5\n"
unit = st.floats(0, 1, width=32)


def read(folder: Path, classes: tuple[str, ...] = ()) -> Source:
    return read_yolo(folder, ReadOptions(classes=classes))


def truths(source: Source) -> dict[str, Labelled | Unlabelled]:
    return {item.image.stem: item.label.read(WH) for item in source.items}


def boxes_of(source: Source, stem: str) -> list[list[float]]:
    found = truths(source)[stem]
    assert isinstance(found, Labelled)
    return found.truth.xyxy.tolist()


@given(st.integers(0, 99), st.lists(unit, min_size=4, max_size=4))
def test_a_box_line_is_read_as_written(number: int, values: list[float]) -> None:
    line = parse_line(f"{number} " + " ".join(repr(value) for value in values))
    assert line == YoloLine(number, tuple(values))
    assert line.is_box


@given(st.integers(0, 9), st.lists(st.tuples(unit, unit), min_size=3, max_size=9))
def test_a_polygon_has_the_box_around_its_points(number: int, points: list[tuple[float, float]]) -> None:
    line = parse_line(f"{number} " + " ".join(f"{x!r} {y!r}" for x, y in points))
    assert not line.is_box
    instance = line.instance(number, (100, 50))
    scaled = np.array(points) * [100, 50]
    assert instance.xyxy == pytest.approx([*scaled.min(axis=0), *scaled.max(axis=0)])
    assert instance.mask is not None


token = st.one_of(st.floats().map(repr), st.integers(-1, 3).map(str), st.text(max_size=4))


@given(st.one_of(st.text(max_size=60), st.lists(token, max_size=12).map(" ".join)))
def test_any_line_is_read_or_refused_by_value_error(text: str) -> None:
    try:
        line = parse_line(text)
    except ValueError:
        return
    assert len(line.values) == 4 or (len(line.values) >= 6 and len(line.values) % 2 == 0)
    assert np.isfinite(line.values).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.5", "4 numbers, expected 5"),
        ("0 0.5 0.5 0.5 0.5 0.9", "6 numbers.*predictions"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "8 numbers"),
        ("scratch 0.5 0.5 0.1 0.1", "'scratch' is not a number"),
        ("0 nan 0.5 0.1 0.1", "'nan' is not a number"),
        ("0 0.5 inf 0.1 0.1", "'inf' is not a number"),
        ("0 0_5 0.5 0.1 0.1", "'0_5' is not a number"),
        ("1.5 0.5 0.5 0.1 0.1", "class 1.5"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0 120 80 40 40", "120 is not relative.*pixels"),
        ("0,0.5,0.5,0.1,0.1", "is not a number"),
    ],
)
def test_wrong_lines_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_line(text)


def test_a_plain_folder(tmp_path: Path) -> None:
    source = read(yolo(tmp_path, {"a": BOX + "1 0.1 0.1 0.2 0.2\n", "b": "", "c": "\n  \n"}))
    assert source.classes == ("scratch", "dent")
    assert boxes_of(source, "a") == [[24, 12, 40, 36], [0, 0, pytest.approx(12.8), pytest.approx(9.6)]]
    assert all(isinstance(truths(source)[stem], Labelled) for stem in "bc")
    assert {item.split for item in source.items} == {""}


def test_boxes_and_polygons_in_one_file_become_boxes(tmp_path: Path) -> None:
    found = truths(read(yolo(tmp_path, {"a": BOX + "1 0 0 0.5 0 0.5 0.5\n"})))["a"]
    assert isinstance(found, Labelled)
    assert (len(found.truth), found.truth.masks, found.outlined) == (2, None, 1)


def test_polygons_become_masks(tmp_path: Path) -> None:
    found = truths(read(yolo(tmp_path, {"a": "1 0 0 0.5 0 0.5 0.5 0 0.5\n"})))["a"]
    assert isinstance(found, Labelled)
    assert found.truth.area_px.tolist() == [32 * 24]


def test_files_of_windows_editors_are_read(tmp_path: Path) -> None:
    root = yolo(tmp_path, {"a": BOX}, classes="")
    (root / "labels" / "a.txt").write_bytes(b"\xef\xbb\xbf" + BOX.strip().encode() + b"\r\n")
    (root / "classes.txt").write_bytes(b"\xef\xbb\xbfscratch\r\ndent\r\n\r\n")
    source = read(root)
    assert source.classes == ("scratch", "dent")
    assert len(boxes_of(source, "a")) == 1


def test_class_names_may_lie_among_the_labels_or_be_told(tmp_path: Path) -> None:
    root = yolo(tmp_path, {"a": BOX})
    (root / "classes.txt").rename(root / "labels" / "classes.txt")
    assert read(root).classes == ("scratch", "dent")
    (root / "labels" / "classes.txt").unlink()
    assert read(root, classes=("x", "y")).classes == ("x", "y")
    with pytest.raises(DatasetError, match=r"no class names – add a classes.txt"):
        read(root)


def split_folder(root: Path, validation: str = "valid") -> Path:
    """`train/images`, `valid/images`, …, as exports have it."""
    for split in ("train", validation, "test"):
        write_picture(root / split / "images" / f"{split}_1.jpg")
        write_text(root / split / "labels" / f"{split}_1.txt", BOX)
    return root


NAMES = "names: [scratch, dent]\n"


@pytest.mark.parametrize(
    "text",
    [
        f"train: train/images\nval: valid/images\ntest: test/images\nnc: 2\n{NAMES}",
        f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\n{NAMES}",  # one `../` too much, as exported
        f"path: .\ntrain: [train/images]\nvalid: valid\ntest: test/images\n{NAMES}",
        f"path: /datasets/of/another/machine\ntrain: train/images\nval: valid/images\ntest: test\n{NAMES}",
        "train: train\nval: valid\ntest: test\nnames:\n  0: scratch\n  1: dent\ndownload: https://example.com/x.zip\n",
    ],
)
def test_splits_of_data_yaml(tmp_path: Path, text: str) -> None:
    write_text(split_folder(tmp_path) / "data.yaml", text)
    source = read(tmp_path)
    assert source.classes == ("scratch", "dent")
    assert {item.image.stem: item.split for item in source.items} == {
        "train_1": "train",
        "valid_1": "val",
        "test_1": "test",
    }
    assert len(boxes_of(source, "valid_1")) == 1


def test_a_download_script_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    script = f"download: |\n  open({str(mark)!r}, 'w').close()\n"
    write_text(split_folder(tmp_path) / "data.yaml", f"train: train\nval: valid\n{NAMES}{script}")
    assert len(read(tmp_path).items) == 2
    assert not mark.exists()


def test_splits_as_lists_of_images(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_picture(tmp_path / "images" / f"{name}.jpg")
        write_text(tmp_path / "labels" / f"{name}.txt", BOX)
    write_text(tmp_path / "train.txt", "./images/a.jpg\nimages/b.jpg\n\n")
    write_text(tmp_path / "val.txt", f"{tmp_path}/images/c.jpg\n")
    write_text(tmp_path / "data.yaml", f"path: .\ntrain: train.txt\nval: val.txt\n{NAMES}")
    assert {item.image.stem: item.split for item in read(tmp_path).items} == {"a": "train", "b": "train", "c": "val"}
    write_text(tmp_path / "val.txt", "images/c.jpg\nimages/d.jpg\n")
    with pytest.raises(DatasetError, match=r"val.txt: 1 image listed but not there: images/d.jpg"):
        read(tmp_path)


def test_gaps_in_class_numbers_are_closed_and_told(tmp_path: Path) -> None:
    write_text(split_folder(tmp_path) / "data.yaml", "train: train\nnames: {5: dent, 2: scratch}\n")
    write_text(tmp_path / "train" / "labels" / "train_1.txt", "5 0.5 0.5 0.25 0.5\n2 0.5 0.5 0.1 0.1\n")
    source = read(tmp_path)
    assert source.classes == ("scratch", "dent")
    assert "2, 5 have gaps" in source.notes[0]
    found = truths(source)["train_1"]
    assert isinstance(found, Labelled)
    assert found.truth.class_id.tolist() == [1, 0]


def test_labels_beside_images_and_below_a_folder_called_images(tmp_path: Path) -> None:
    root = tmp_path / "images" / "of" / "parts"
    write_picture(root / "a.jpg")
    write_text(root / "a.txt", BOX)
    write_text(root / "classes.txt", "scratch\n")
    assert len(boxes_of(read(root), "a")) == 1


def test_an_image_without_label_is_not_a_good_part(tmp_path: Path) -> None:
    root = yolo(tmp_path, {"a": BOX, "b": ""})
    (root / "labels" / "b.txt").unlink()
    assert truths(read(root))["b"] == Unlabelled("no label file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: train\nnames: [a, b]\nnc: 3\n", "nc: 3, but names has 2"),
        ("train: train\nnames: [a, a]\n", "'a' is there twice"),
        ("train: train\nnames: [yes, b]\n", "True is no name"),
        ("train: train\nnames: {x: a}\n", "names: expected `number: name`"),
        ("train: train\nnames: 7\n", "names: expected a list"),
        ("train: nowhere\nnames: [a]\n", "train: nowhere: no such folder"),
        ("train: {a: b}\nnames: [a]\n", "train: expected a folder"),
        ("names: [a]\nnc: 1\n", "no images behind train, val or test"),
        ("train: train\nval: train\nnames: [a]\n", "is in train and in val"),
        ("train: train\nnames: [a]\nkpt_shape: [17, 3]\n", "key points"),
        ("train: train\nnames: [a\n", "line 3: not valid YAML"),
        ("train: train\nnames: [&x a, *x]\n", "aliases"),
    ],
)
def test_a_wrong_data_yaml_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    write_text(split_folder(tmp_path) / "data.yaml", text)
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_several_yaml_files_with_names_are_ambiguous(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        write_text(split_folder(tmp_path) / name, f"train: train\n{NAMES}")
    with pytest.raises(DatasetError, match=r"several files name classes: a.yaml, b.yaml"):
        read(tmp_path)


def test_a_class_number_without_name_is_refused_by_file_and_line(tmp_path: Path) -> None:
    source = read(yolo(tmp_path, {"a": BOX + "7 0.5 0.5 0.1 0.1\n"}))
    with pytest.raises(DatasetError, match=r"a.txt, line 2: class 7 has no name \(there are 0, 1\)"):
        truths(source)


def test_labels_of_absent_images_are_refused_with_their_number(tmp_path: Path) -> None:
    root = yolo(tmp_path, {str(n): BOX for n in range(9)})
    for number in range(7):
        (root / "images" / f"{number}.jpg").unlink()
    with pytest.raises(
        DatasetError, match=r"7 label files of absent images: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"
    ):
        read(root)


def test_labels_in_the_wrong_place_are_missed_aloud(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.jpg")
    write_text(tmp_path / "classes.txt", "scratch\n")
    with pytest.raises(DatasetError, match=r"none of 1 image has a label file – for a.jpg it would be .*labels/a.txt"):
        read(tmp_path)


def test_a_label_that_is_no_text_is_refused(tmp_path: Path) -> None:
    root = yolo(tmp_path, {"a": BOX})
    (root / "labels" / "a.txt").write_bytes(b"\xff\xfe0\x00")
    with pytest.raises(DatasetError, match=r"a.txt: not text"):
        truths(read(root))


def test_linked_image_folders_are_followed(tmp_path: Path) -> None:
    elsewhere = write_picture(tmp_path / "store" / "a.jpg").parent
    root = tmp_path / "set"
    write_text(root / "labels" / "a.txt", BOX)
    write_text(root / "classes.txt", "scratch\n")
    (root / "images").symlink_to(elsewhere, target_is_directory=True)
    (root / "loop").symlink_to(root, target_is_directory=True)
    assert len(boxes_of(read(root), "a")) == 1
