"""Groups and splits that people give: patterns, CSV files, lists of names."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineproof.data.groups import read_groups
from lineproof.data.names import NameBook
from lineproof.data.split_lists import parse_split_option, read_split_lists
from lineproof.errors import DatasetError
from source_folders import write_text

NAMES = ["crack/a_1.jpg", "crack/a_2.jpg", "dent/a_1.jpg", "dent/b_1.png"]


def groups(group_by: str, names: list[str] = NAMES) -> dict[str, str]:
    return read_groups(group_by, names, NAMES)


def test_a_pattern_looks_at_the_file_name_only() -> None:
    assert list(groups(r"(.*)_\d+").values()) == ["a", "a", "a", "b"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(.*", "not a valid pattern"),
        (r".*_\d", "0 brackets, expected one around the part"),
        (r"(.*)_(\d)", "2 brackets"),
        (r"(b)_", r"finds nothing in 3 images of 4: crack/a_1.jpg, crack/a_2.jpg, dent/a_1.jpg"),
        (r"(x?)_", "finds nothing in 4 images"),
    ],
)
def test_a_pattern_that_leaves_images_alone_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        groups(pattern)


def test_a_csv_names_images_with_or_without_folder_and_suffix(tmp_path: Path) -> None:
    text = "\ufeffGroup, image\nt1,crack/a_1.jpg\nt1,a_2\nt2,./set/dent/a_1.jpg\nt3,b_1.png\n"
    path = write_text(tmp_path / "groups.csv", text)
    assert groups(str(path)) == dict(zip(NAMES, ["t1", "t1", "t2", "t3"], strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column 'image'"),
        ("image,grup\n", "line 1: no column 'group', did you mean 'grup'"),
        ("image,group\na_2,\n", "line 2: image or group is empty"),
        ("image,group\na_2\n", "line 2: image or group is empty"),
        ("image,group\na_1,t1\n", "'a_1' fits several images: crack/a_1.jpg, dent/a_1.jpg – write the folder too"),
        ("image,group\nzz,t1\n", "1 image that the dataset does not have: zz"),
        ("image,group\na_2,t1\na_2.jpg,t2\n", "line 3: a_2.jpg is in group 't1' and in 't2'"),
        ("image,group\na_2,t1\n", "no group for 3 images of 4"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        groups(str(write_text(tmp_path / "groups.csv", text)))


def test_a_csv_may_tell_of_images_that_were_left_out(tmp_path: Path) -> None:
    path = write_text(tmp_path / "groups.csv", "image,group\nb_1,t1\na_2,t2\n")
    assert groups(str(path), ["dent/b_1.png"])["dent/b_1.png"] == "t1"


def test_an_absent_csv_is_named() -> None:
    with pytest.raises(DatasetError, match=r"absent.csv: cannot be read \(No such file"):
        groups("absent.csv")


@pytest.mark.parametrize(
    ("spoken", "found"),
    [
        ("a_2", "crack/a_2.jpg"),
        (" a_2.jpg ", "crack/a_2.jpg"),
        ("C:\\x\\dent\\a_1.jpg", "dent/a_1.jpg"),
        ("a_2.png", None),
        ("", None),
        ("b_1.5", None),
    ],
)
def test_names_as_people_write_them(spoken: str, found: str | None) -> None:
    assert NameBook(NAMES).find(spoken) == found


def test_split_lists(tmp_path: Path) -> None:
    train = write_text(tmp_path / "train.txt", "crack/a_1.jpg\n\na_2\n")
    val = write_text(tmp_path / "val.txt", "b_1.png")
    lists = [parse_split_option(f"train={train}"), parse_split_option(f"val={val}")]
    assert read_split_lists(lists, NAMES) == {
        "crack/a_1.jpg": "train",
        "crack/a_2.jpg": "train",
        "dent/b_1.png": "val",
    }


def test_wrong_split_lists_are_refused(tmp_path: Path) -> None:
    one, two = write_text(tmp_path / "1.txt", "a_2\n"), write_text(tmp_path / "2.txt", "a_2.jpg\nq\nr\n")
    with pytest.raises(DatasetError, match=r"2.txt: 2 images that the dataset does not have: q, r"):
        read_split_lists([("train", one), ("val", two)], NAMES)
    two.write_text("a_2.jpg\n")
    with pytest.raises(DatasetError, match=r"2.txt: a_2.jpg is in train and in val"):
        read_split_lists([("train", one), ("val", two)], NAMES)
    with pytest.raises(DatasetError, match=r"absent.txt: cannot be read"):
        read_split_lists([("train", tmp_path / "absent.txt")], NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("val.txt", "expected NAME=FILE – for example"),
        ("val=", "expected NAME=FILE"),
        ("trian=x.txt", "'trian' is no split, did you mean 'train'"),
    ],
)
def test_the_form_of_a_split_option(text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        parse_split_option(text)
