"""Importing: the same parts from every format, what is left out and told, and nothing half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.core import Detections
from lineproof.data.dataset import Dataset, open_dataset
from lineproof.data.formats.source import ReadOptions
from lineproof.data.importer import ImportOptions, ImportReport, import_dataset
from lineproof.data.loading import clip_slightly
from lineproof.errors import DatasetError
from source_folders import WH, coco, voc_xml, write_mask, write_picture, write_text, yolo

BOX = "0 0.5 0.5 0.25 0.5\n"
SCRATCH = {"image_id": 10, "category_id": 3, "bbox": [24, 12, 16, 24]}


def run(src: Path, tmp_path: Path, **options: object) -> ImportReport:
    return import_dataset(src, tmp_path / "out", ImportOptions(**options))


def table(dataset: Dataset) -> dict[str, list[tuple[str, list[float]]]]:
    """Class and box of every defect, by image name."""
    return {
        dataset.name_of(sample): [
            (dataset.classes[class_id], box)
            for class_id, box in zip(sample.truth.class_id, sample.truth.xyxy.tolist(), strict=True)
        ]
        for sample in dataset.samples
    }


def as_yolo(root: Path) -> Path:
    return yolo(root, {"0": BOX, "1": ""}, classes="scratch\n")


def as_coco(root: Path) -> Path:
    return coco(root, [SCRATCH])


def as_voc(root: Path) -> Path:
    for stem, objects in (("0", [("scratch", 24, 12, 40, 36)]), ("1", [])):
        write_picture(root / "JPEGImages" / f"{stem}.jpg")
        write_text(root / "Annotations" / f"{stem}.xml", voc_xml(f"{stem}.jpg", *objects))
    return root


def as_masks(root: Path) -> Path:
    for stem, boxes in (("0", [(24, 12, 40, 36)]), ("1", [])):
        write_picture(root / "images" / f"{stem}.jpg")
        write_mask(root / "masks" / f"{stem}.png", *boxes)
    return root


@pytest.mark.parametrize("build", [as_yolo, as_coco, as_voc, as_masks])
def test_every_format_gives_the_same_parts(tmp_path: Path, build: type) -> None:
    report = run(build(tmp_path / "src"), tmp_path, read=ReadOptions(classes=("scratch",)))
    assert table(report.dataset) == {"0.jpg": [("scratch", [24, 12, 40, 36])], "1.jpg": []}
    assert report.dataset.source_format == build.__name__.removeprefix("as_")
    assert report.dataset.has_masks == (build is as_masks)
    assert report.reason
    assert [sample.group for sample in report.dataset.samples] == ["0.jpg", "1.jpg"]


def test_images_are_copied_byte_for_byte(tmp_path: Path) -> None:
    report = run(as_yolo(tmp_path / "src"), tmp_path)
    for sample in report.dataset.samples:
        assert sample.image.read_bytes() == (tmp_path / "src" / "images" / sample.image.name).read_bytes()


def test_two_imports_are_identical(tmp_path: Path) -> None:
    src = as_coco(tmp_path / "src")
    one = import_dataset(src, tmp_path / "one", ImportOptions()).dataset.root
    two = import_dataset(src, tmp_path / "two", ImportOptions()).dataset.root
    for name in ("dataset.yaml", "annotations.coco.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_classes_in_another_order(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": "0 0.5 0.5 0.25 0.5\n1 0.5 0.5 0.25 0.5\n"})
    report = run(src, tmp_path, read=ReadOptions(classes=("stain", "dent", "scratch")))
    assert report.dataset.classes == ("stain", "dent", "scratch")
    assert report.dataset.samples[0].truth.class_id.tolist() == [2, 1]
    assert "no defect of stain" in report.notes


def test_a_class_not_in_the_list_asked_for_is_refused_with_its_nearest(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX})
    with pytest.raises(
        DatasetError, match=r"class 'scratch' of the source is not in --classes, did you mean 'Scratches'"
    ):
        run(src, tmp_path, read=ReadOptions(classes=("dent", "Scratches")))
    unused_is_no_problem = run(src, tmp_path, read=ReadOptions(classes=("scratch",)))
    assert unused_is_no_problem.dataset.classes == ("scratch",)


def unlabelled_source(root: Path, count: int = 7) -> Path:
    as_yolo(root)
    for number in range(count):
        write_picture(root / "images" / f"x{number}.jpg")
    return root


def test_images_without_annotation_are_refused_by_default(tmp_path: Path) -> None:
    src = unlabelled_source(tmp_path / "src")
    message = r"7 images without annotation \(no label file\): x0.jpg, x1.jpg, x2.jpg, x3.jpg, x4.jpg and 2 more – "
    with pytest.raises(DatasetError, match=message):
        run(src, tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("unlabelled", "images", "good"), [("ok", 9, 8), ("skip", 2, 1)])
def test_images_without_annotation_are_good_or_left_out_when_told(
    tmp_path: Path, unlabelled: str, images: int, good: int
) -> None:
    report = run(unlabelled_source(tmp_path / "src"), tmp_path, unlabelled=unlabelled)
    assert len(report.dataset.samples) == images
    assert sum(sample.ok for sample in report.dataset.samples) == good
    assert len(report.unlabelled) == 7
    assert report.unlabelled[0] == "x0.jpg: no label file"


def test_nothing_left_to_import_is_refused(tmp_path: Path) -> None:
    src = unlabelled_source(tmp_path / "src", 1)
    (src / "images" / "0.jpg").write_bytes(b"")
    (src / "images" / "1.jpg").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"no image left to import"):
        run(src, tmp_path, unlabelled="skip", skip_unreadable=True)


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) * 9 // 10], "empty": b"", "text": b"<html>not found</html>"}[kind])


@pytest.mark.parametrize(
    ("kind", "told"), [("cut", "truncated or damaged"), ("empty", "0 bytes"), ("text", "not an image")]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_damaged_image_among_good_ones(tmp_path: Path, kind: str, told: str, suffix: str) -> None:
    src = as_yolo(tmp_path / "src")
    (src / "images" / "1.jpg").unlink()
    damage(write_picture(src / "images" / f"1{suffix}"), kind)
    with pytest.raises(DatasetError, match=f"1 image cannot be read: .*1{suffix}: {told}.*--skip-unreadable") as caught:
        run(src, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    report = run(src, tmp_path, skip_unreadable=True)
    assert list(table(report.dataset)) == ["0.jpg"]
    assert len(report.unreadable) == 1


def test_an_enormous_image_is_not_unpacked(tmp_path: Path) -> None:
    src = as_yolo(tmp_path / "src")
    bomb = cv2.imencode(".png", np.zeros((8192, 8192), np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    (src / "images" / "1.jpg").write_bytes(bomb)
    with pytest.raises(DatasetError, match=r"8192×8192 is more than 50 megapixels"):
        run(src, tmp_path)


def test_16_bit_and_transparent_images_are_imported_for_the_audit_to_name(tmp_path: Path) -> None:
    src = as_yolo(tmp_path / "src")
    for name, shape, depth in (("0", (48, 64), np.uint16), ("1", (48, 64, 4), np.uint8)):
        (src / "images" / f"{name}.jpg").unlink()
        (src / "images" / f"{name}.png").write_bytes(cv2.imencode(".png", np.zeros(shape, depth))[1].tobytes())
    assert len(run(src, tmp_path).dataset.samples) == 2


def test_sizes_are_those_a_viewer_shows(tmp_path: Path) -> None:
    from PIL import Image

    src = as_yolo(tmp_path / "src")
    turned = Image.new("RGB", (48, 64))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(src / "images" / "0.jpg", exif=exif)
    sample = run(src, tmp_path).dataset.samples[0]
    assert sample.image_wh == (64, 48)
    assert sample.truth.xyxy.tolist() == [[24, 12, 40, 36]]


def test_several_wrong_labels_are_counted(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX, "b": "x", "c": "0 1 2", "d": "9 .1 .1 .1 .1"})
    with pytest.raises(DatasetError, match=r"b.txt, line 1: 'x' is not a number \(and 2 more files\)"):
        run(src, tmp_path)


def test_boxes_a_pixel_outside_are_clipped_and_others_left_for_the_audit() -> None:
    boxes = np.array([[-1, -0.5, 65, 48.9], [-1.1, 0, 66, 48], [3, 3, 3, 2], [70, 50, 80, 60]], np.float32)
    assert clip_slightly(boxes, WH).tolist() == [
        [0, 0, 64, 48],
        [pytest.approx(-1.1), 0, 66, 48],
        [3, 3, 3, 2],
        [70, 50, 80, 60],
    ]
    assert clip_slightly(Detections.empty().xyxy, WH).shape == (0, 4)


def test_boxes_and_outlines_mixed_become_boxes_and_it_is_said(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX, "b": "0 0 0 0.5 0 0.5 0.5\n", "c": ""})
    report = run(src, tmp_path)
    assert not report.dataset.has_masks
    assert "1 of 2 defects have an outline, the others only a box: imported as boxes" in report.notes


def test_outlines_of_all_defects_are_kept(tmp_path: Path) -> None:
    report = run(yolo(tmp_path / "src", {"b": "0 0 0 0.5 0 0.5 0.5 0 0.5\n", "c": ""}), tmp_path)
    assert report.dataset.has_masks
    assert report.dataset.samples[0].truth.area_px.tolist() == [32 * 24]


def test_splits_of_the_source_are_kept(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        as_voc(tmp_path / "src" / split)
    report = run(tmp_path / "src", tmp_path)
    assert {report.dataset.name_of(s): s.split for s in report.dataset.samples} == {
        "train/0.jpg": "train",
        "train/1.jpg": "train",
        "valid/0.jpg": "val",
        "valid/1.jpg": "val",
    }


def test_split_lists_take_their_place(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        as_voc(tmp_path / "src" / split)
    listing = write_text(tmp_path / "test.txt", "train/0.jpg\nvalid/1\n")
    report = run(tmp_path / "src", tmp_path, split_lists=(("test", listing),))
    assert [sample.split for sample in report.dataset.samples] == ["test", "", "", "test"]
    assert "2 images in no --split list: without a split" in report.notes


def test_groups_by_pattern(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"p1_a": BOX, "p1_b": "", "p2_a": ""})
    report = run(src, tmp_path, group_by=r"(p\d)_")
    assert [sample.group for sample in report.dataset.samples] == ["p1", "p1", "p2"]


def test_a_training_split_of_good_parts_only_is_told(tmp_path: Path) -> None:
    for place in ("train/good/0", "test/good/1", "test/bent/2"):
        write_picture(tmp_path / "src" / f"{place}.png")
    write_mask(tmp_path / "src" / "ground_truth" / "bent" / "2_mask.png", (1, 1, 9, 9))
    notes = run(tmp_path / "src", tmp_path).notes
    assert "the train split holds good parts only: make another with `lineproof data split`" in notes


def test_images_no_file_is_about_are_told(tmp_path: Path) -> None:
    src = as_coco(tmp_path / "src")
    write_picture(src / "backup" / "old.jpg")
    assert "1 image not looked at, no annotation file is about them: backup/old.jpg" in run(src, tmp_path).notes


def test_names_that_collide_without_folders_keep_them(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX})
    write_picture(src / "a.jpg")
    write_text(src / "a.txt", "")
    assert list(table(run(src, tmp_path).dataset)) == ["a.jpg", "images/a.jpg"]


@pytest.mark.parametrize("out", ["src", "src/out", "."])
def test_source_and_target_must_lie_apart(tmp_path: Path, out: str) -> None:
    src = as_yolo(tmp_path / "src")
    with pytest.raises(DatasetError, match=r"same folder tree"):
        import_dataset(src, tmp_path / out, ImportOptions(overwrite=True))
    assert len(list((src / "images").iterdir())) == 2


def test_an_existing_target_is_kept_unless_told(tmp_path: Path) -> None:
    src = as_yolo(tmp_path / "src")
    run(src, tmp_path)
    with pytest.raises(DatasetError, match=r"is not empty – choose another --out, or --overwrite"):
        run(src, tmp_path)
    shutil.rmtree(src / "images")
    with pytest.raises(DatasetError):
        run(src, tmp_path, overwrite=True)
    assert len(open_dataset(tmp_path / "out").samples) == 2
    as_yolo(src)
    assert len(run(src, tmp_path, overwrite=True).dataset.samples) == 2


def test_a_dataset_is_not_imported_again(tmp_path: Path) -> None:
    run(as_yolo(tmp_path / "src"), tmp_path)
    with pytest.raises(DatasetError, match=r"is a lineproof dataset already"):
        import_dataset(tmp_path / "out", tmp_path / "again", ImportOptions())


@pytest.mark.parametrize(("name", "near"), [("yollo", ", did you mean 'yolo'"), ("x", "")])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str, near: str) -> None:
    with pytest.raises(DatasetError, match=f"--format {name}: unknown{near}.*auto, yolo, coco, voc, masks"):
        run(as_yolo(tmp_path / "src"), tmp_path, format=name)


def test_annotations_of_the_dataset_are_coco_again(tmp_path: Path) -> None:
    report = run(as_masks(tmp_path / "src"), tmp_path, read=ReadOptions(classes=("scratch",)))
    again = import_dataset(report.dataset.root, tmp_path / "again", ImportOptions(format="coco")).dataset
    assert table(again) == table(report.dataset)
    assert again.has_masks
    assert again.content_hash == report.dataset.content_hash
    document = json.loads((again.root / "annotations.coco.json").read_text())
    assert document["annotations"][0]["segmentation"]["size"] == [48, 64]
