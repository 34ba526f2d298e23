"""Pascal VOC folders: pairing XML and image, splits, odd files, and no DTD ever."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.data.formats.source import Labelled, ReadOptions, Source, Unlabelled
from lineproof.data.formats.voc import read_voc_folder
from lineproof.data.formats.voc_xml import VocObject, parse_voc
from lineproof.errors import DatasetError
from source_folders import WH, voc_xml, write_picture, write_text

CRACK = ("crack", 4, 5, 14, 16)


def read(folder: Path, classes: tuple[str, ...] = ()) -> Source:
    return read_voc_folder(folder, ReadOptions(classes=classes))


def labels(source: Source) -> dict[str, Labelled | Unlabelled]:
    return {item.image.name: item.label.read(WH) for item in source.items}


def boxes(source: Source, name: str) -> list[list[float]]:
    found = labels(source)[name]
    assert isinstance(found, Labelled)
    return found.truth.xyxy.tolist()


@pytest.mark.parametrize(("images", "annotations"), [(".", "."), ("JPEGImages", "Annotations"), ("images", "VOC")])
def test_places_of_images_and_annotations(tmp_path: Path, images: str, annotations: str) -> None:
    for stem in ("a", "b"):
        write_picture(tmp_path / images / f"{stem}.jpg")
    write_text(tmp_path / annotations / "a.xml", voc_xml("a.jpg", CRACK, ("ash", 1, 1, 200, 200)))
    source = read(tmp_path)
    assert source.classes == ("ash", "crack")
    assert boxes(source, "a.jpg") == [[4, 5, 14, 16], [1, 1, 200, 200]]
    assert labels(source)["b.jpg"] == Unlabelled("no XML file")


def test_an_annotation_without_objects_is_a_good_part(tmp_path: Path) -> None:
    for stem, objects in (("a", (CRACK,)), ("b", ())):
        write_picture(tmp_path / f"{stem}.jpg")
        write_text(tmp_path / f"{stem}.xml", voc_xml(f"{stem}.jpg", *objects))
    assert boxes(read(tmp_path), "b.jpg") == []


def test_only_good_parts_need_class_names(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    write_text(tmp_path / "a.xml", voc_xml("a.jpg"))
    with pytest.raises(DatasetError, match=r"1 XML file, none with an object – give --classes"):
        read(tmp_path)
    assert read(tmp_path, ("crack",)).classes == ("crack",)


@pytest.mark.parametrize(
    ("xml", "filename", "image"),
    [
        ("a.xml", "a", "a.jpg"),  # NEU-DET leaves the suffix out in 174 of 1800
        ("a.xml", "somebody/else.png", "a.jpg"),
        ("a.xml", "", "a.jpg"),
        ("0001.xml", "b.png", "b.png"),
        ("0001.xml", "C:\\photos\\b.png", "b.png"),
        ("0001.xml", "a", "a.jpg"),
        ("c.xml", "c.png", "c.png"),  # c.jpg and c.png: the file name decides
    ],
)
def test_pairing(tmp_path: Path, xml: str, filename: str, image: str) -> None:
    for name in ("a.jpg", "b.png", "c.jpg", "c.png"):
        write_picture(tmp_path / "images" / name)
    write_text(tmp_path / "xml" / xml, voc_xml(filename, CRACK))
    assert [name for name, found in labels(read(tmp_path)).items() if isinstance(found, Labelled)] == [image]


def test_the_same_name_in_two_splits(tmp_path: Path) -> None:
    for split, shift in (("train", 0), ("valid", 1)):
        write_picture(tmp_path / split / "a.jpg")
        write_text(tmp_path / split / "a.xml", voc_xml("a.jpg", ("crack", shift, 5, 14, 16)))
    source = read(tmp_path)
    assert [item.split for item in source.items] == ["train", "val"]
    found = [item.label.read(WH) for item in source.items]
    assert [label.truth.xyxy[0, 0] for label in found if isinstance(label, Labelled)] == [0, 1]


def test_two_images_for_one_file_are_ambiguous(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        write_picture(tmp_path / name)
    write_text(tmp_path / "a.xml", voc_xml("", CRACK))
    with pytest.raises(DatasetError, match=r"a.xml: fits 2 images"):
        read(tmp_path)


def test_two_files_for_one_image_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    write_text(tmp_path / "a.xml", voc_xml("a.jpg", CRACK))
    write_text(tmp_path / "copy.xml", voc_xml("a.jpg", CRACK))
    with pytest.raises(DatasetError, match=r"copy.xml: annotates a.jpg, which .*a.xml annotates too"):
        read(tmp_path)


def test_annotations_of_absent_images_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    for stem in "abcdefgh":
        write_text(tmp_path / f"{stem}.xml", voc_xml(f"{stem}.jpg", CRACK))
    with pytest.raises(
        DatasetError, match=r"7 annotations of absent images: b.xml, c.xml, d.xml, e.xml, f.xml and 2 more"
    ):
        read(tmp_path)


def test_splits_of_image_sets(tmp_path: Path) -> None:
    for stem in "abc":
        write_picture(tmp_path / "JPEGImages" / f"{stem}.jpg")
        write_text(tmp_path / "Annotations" / f"{stem}.xml", voc_xml(f"{stem}.jpg", CRACK))
    write_text(tmp_path / "ImageSets" / "Main" / "train.txt", "a\nb  1\n")
    write_text(tmp_path / "ImageSets" / "Main" / "val.txt", "c -1\n")
    assert [item.split for item in read(tmp_path).items] == ["train", "train", "val"]
    write_text(tmp_path / "ImageSets" / "Main" / "test.txt", "a\n")
    with pytest.raises(DatasetError, match=r"a is in train too"):
        read(tmp_path)


def test_an_image_of_another_size_is_refused_but_size_zero_is_unknown(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    write_text(tmp_path / "a.xml", voc_xml("a.jpg", CRACK, wh=(100, 48)))
    with pytest.raises(DatasetError, match=r"a.xml: size 100×48, but the image is 64×48"):
        labels(read(tmp_path))
    write_text(tmp_path / "a.xml", voc_xml("a.jpg", CRACK, wh=(0, 0)))
    assert len(boxes(read(tmp_path), "a.jpg")) == 1


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><annotation><filename>&y;</filename></annotation>'
LEAK = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
BOXLESS = "<annotation><object><name>crack</name></object></annotation>"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB.encode(), "has a DOCTYPE"),
        (LEAK.encode(), "has a DOCTYPE"),
        (BOMB.encode("utf-16"), "has a DOCTYPE"),
        (b"<annotation>", "not valid XML"),
        (b"", "not valid XML"),
        (b"<kml></kml>", "<kml> instead of <annotation>"),
        (BOXLESS.encode(), r"object 1 \(crack\): no bndbox"),
        (voc_xml("a", ("", 1, 2, 3, 4)).encode(), "object 1: no name"),
        (voc_xml("a", CRACK).replace("<ymax>16</ymax>", "").encode(), r"object 1 \(crack\): no ymax"),
        (
            voc_xml("a", CRACK, CRACK)
            .replace("16</ymax></bndbox></object></", "x</ymax></bndbox></object></")
            .encode(),
            r"object 2 \(crack\), ymax: 'x' is not a number",
        ),
        (voc_xml("a", CRACK).replace(">16<", ">nan<").encode(), "'nan' is not a number"),
        (b"<?xml version='1.0' encoding='no-such'?><annotation/>", "unknown encoding|not valid XML"),
        (b" " * 10_000_001, "this is no annotation"),
    ],
)
def test_wrong_files_say_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_voc(data, Path("a.xml"))


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    write_text(tmp_path / "a.xml", BOXLESS)
    with pytest.raises(DatasetError, match=r"a.xml: object 1 \(crack\): no bndbox"):
        read(tmp_path)


names = st.text(st.characters(whitelist_categories=("L", "N")), min_size=1, max_size=8)


@given(st.lists(st.tuples(names, *[st.integers(-50, 500)] * 4), max_size=4))
def test_objects_are_read_as_written(objects: list[tuple[str, int, int, int, int]]) -> None:
    found = parse_voc(voc_xml("a.jpg", *objects).encode(), Path("a.xml"))
    assert found.objects == tuple(VocObject(name, tuple(map(float, box))) for name, *box in objects)
    assert (found.filename, found.size_wh) == ("a.jpg", WH)


fragment = st.sampled_from(
    [
        "<annotation>",
        "</annotation>",
        "<object>",
        "</object>",
        "<name>",
        "</name>",
        "<bndbox>",
        "<xmin>",
        "1",
        "&amp;",
        "<!",
    ]
)


@given(st.one_of(st.binary(max_size=80), st.lists(fragment, max_size=12).map("".join).map(str.encode)))
def test_any_bytes_are_read_or_refused_by_value_error(data: bytes) -> None:
    with suppress(ValueError):
        parse_voc(data, Path("a.xml"))
