"""The dataset on disk: what is written is what is read, and contradictions are refused by file and record."""

from __future__ import annotations

import errno
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from builders import detections
from lineproof.core import BoxMask, Detections, Sample
from lineproof.data.dataset import Dataset, content_hash, open_dataset, with_splits, write_dataset
from lineproof.data.formats.coco_schema import CocoFile
from lineproof.data.records import coco_document, dump_document, truth_of
from lineproof.errors import DatasetError, InputError
from source_folders import WH, write_mask, write_picture, yolo

CLASSES = ("scratch", "dent")


def samples(folder: Path, *, masks: bool = False) -> list[Sample]:
    """Two defect images and a good one."""
    rows = [[(1, 2, 11.5, 12.25, 1, 0), (0, 0, 64, 48, 1, 1)], [(5, 5, 9, 9, 1, 1)], []]
    return [
        Sample(
            write_picture(folder / f"part_{number}.png", seed=number),
            WH,
            detections(*row, masks=masks) if row else Detections.empty(with_masks=masks),
            group=f"lot{number // 2}",
            split=("train", "val", "")[number],
        )
        for number, row in enumerate(rows)
    ]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return write_dataset(tmp_path / "ds", CLASSES, samples(tmp_path / "src"), "coco")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    given_samples = samples(tmp_path / "src", masks=True)
    write_dataset(tmp_path / "ds", CLASSES, given_samples, "masks")
    dataset = open_dataset(tmp_path / "ds")
    assert (dataset.classes, dataset.source_format, dataset.has_masks) == (CLASSES, "masks", True)
    assert dataset.class_counts() == {"scratch": 1, "dent": 2}
    for before, after in zip(given_samples, dataset.samples, strict=True):
        assert after.image.read_bytes() == before.image.read_bytes()
        assert dataset.name_of(after) == before.image.name
        assert (after.image_wh, after.group, after.split) == (before.image_wh, before.group, before.split)
        assert np.array_equal(after.truth.xyxy, before.truth.xyxy)
        assert np.array_equal(after.truth.class_id, before.truth.class_id)
        assert [mask.full(WH).tolist() for mask in after.truth.masks or ()] == [
            mask.full(WH).tolist() for mask in before.truth.masks or ()
        ]


@given(st.lists(st.tuples(*[st.integers(-6_400, 500_000)] * 4), min_size=1, max_size=5))
def test_boxes_survive_json_to_the_last_bit(sixtyfourths: list[tuple[int, int, int, int]]) -> None:
    xyxy = np.array(sixtyfourths, np.float32) / 64
    truth = Detections(xyxy, np.ones(len(xyxy)), np.zeros(len(xyxy)))
    document = json.loads(dump_document(coco_document(CLASSES, [("a.png", Sample(Path("a.png"), WH, truth, "g"))])))
    read = truth_of(CocoFile.model_validate(document).annotations, {1: 0, 2: 1}, WH)
    assert np.array_equal(read.xyxy, xyxy)


def test_annotations_are_standard_coco(dataset: Dataset) -> None:
    document = json.loads((dataset.root / "annotations.coco.json").read_text())
    assert [(c["id"], c["name"]) for c in document["categories"]] == [(1, "scratch"), (2, "dent")]
    first = document["annotations"][0]
    assert first["bbox"] == [1, 2, 10.5, 10.25]
    assert first["area"] == pytest.approx(107.625)
    assert first["iscrowd"] == 0


def test_masks_of_some_defects_only_are_not_kept(tmp_path: Path) -> None:
    mixed = samples(tmp_path / "src", masks=True)
    mixed[1] = replace(mixed[1], truth=replace(mixed[1].truth, masks=None))
    dataset = write_dataset(tmp_path / "ds", CLASSES, mixed, "yolo")
    assert not dataset.has_masks
    assert all(sample.truth.masks is None for sample in dataset.samples)


def test_names_in_folders_and_in_any_script_are_kept(tmp_path: Path) -> None:
    names = ["lot 1/a.png", "lot 2/a.png", "größe: 3.png", "yes.png", "零件.png"]
    given_samples = [
        Sample(write_picture(tmp_path / "src" / f"{i}.png"), WH, Detections.empty(), n) for i, n in enumerate(names)
    ]
    name_of = {sample.image: name for sample, name in zip(given_samples, names, strict=True)}
    dataset = write_dataset(tmp_path / "ds", CLASSES, given_samples, "x", name_of=lambda sample: name_of[sample.image])
    assert [dataset.name_of(sample) for sample in dataset.samples] == names
    assert [sample.group for sample in dataset.samples] == names


def test_splits_change_the_settings_only(dataset: Dataset) -> None:
    before = {p: p.read_bytes() for p in dataset.root.rglob("*") if p.is_file() and p.name != "dataset.yaml"}
    changed = with_splits(dataset, {"part_0.png": "test", "part_2.png": "train"}, {"part_1.png": "tile"})
    assert [sample.split for sample in changed.samples] == ["test", "val", "train"]
    assert [sample.group for sample in changed.samples] == ["lot0", "tile", "lot1"]
    again = open_dataset(dataset.root)
    assert [(s.split, s.group) for s in again.samples] == [(s.split, s.group) for s in changed.samples]
    assert again.content_hash == dataset.content_hash == content_hash(dataset.root)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("splits", "groups", "message"),
    [({"nope.png": "train"}, {}, "'nope.png'"), ({}, {"x": "g"}, "'x'"), ({"part_0.png": "trian"}, {}, "'trian'")],
)
def test_splits_of_unknown_images_or_names_are_refused(
    dataset: Dataset, splits: dict[str, str], groups: dict[str, str], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        with_splits(dataset, splits, groups)


def change_pixel(root: Path) -> None:
    picture = root / "images" / "part_1.png"
    picture.write_bytes(write_picture(root.parent / "other.png", seed=99).read_bytes())


def change_box(root: Path) -> None:
    path = root / "annotations.coco.json"
    path.write_text(path.read_text().replace('"bbox": [5, 5, 4, 4]', '"bbox": [5, 5, 4, 5]'))


def change_class(root: Path) -> None:
    path = root / "annotations.coco.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["category_id"] = 2
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("change", [change_pixel, change_box, change_class])
def test_the_content_hash_tells_a_change(dataset: Dataset, change: Callable[[Path], None]) -> None:
    assert content_hash(dataset.root) == dataset.content_hash
    change(dataset.root)
    assert content_hash(dataset.root) != dataset.content_hash


def test_the_content_hash_does_not_depend_on_the_place(tmp_path: Path) -> None:
    one = write_dataset(tmp_path / "a", CLASSES, samples(tmp_path / "src"), "coco")
    two = write_dataset(tmp_path / "b", CLASSES, reversed(samples(tmp_path / "src")), "coco")
    assert one.content_hash == two.content_hash


def edit_yaml(root: Path, **changes: object) -> None:
    path = root / "dataset.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def edit_json(root: Path, edit: Callable[[dict], None]) -> None:
    path = root / "annotations.coco.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no settings": (lambda r: (r / "dataset.yaml").unlink(), "no dataset.yaml .*it looks like coco.*data import"),
    "broken settings": (lambda r: (r / "dataset.yaml").write_text("classes: [a"), r"dataset.yaml, line \d+: not valid"),
    "misspelt key": (lambda r: edit_yaml(r, clases=["a"]), "clases: unknown key, did you mean 'classes'"),
    "other order": (lambda r: edit_yaml(r, classes=["dent", "scratch"]), "in another order: scratch, dent"),
    "other classes": (lambda r: edit_yaml(r, classes=["dent"]), "annotations.coco.json has them: scratch, dent"),
    "no annotations": (lambda r: (r / "annotations.coco.json").unlink(), "annotations.coco.json: no such file"),
    "broken annotations": (lambda r: (r / "annotations.coco.json").write_text("{"), "line 1: not valid JSON"),
    "no coco": (lambda r: (r / "annotations.coco.json").write_text("[]"), "not a COCO file"),
    "absent image": (lambda r: (r / "images" / "part_1.png").unlink(), "image part_1.png: annotated, but"),
    "stray image": (lambda r: write_picture(r / "images" / "z.png"), "image z.png: no entry in annotations.coco.json"),
    "no split entry": (
        lambda r: edit_yaml(r, images={"part_0.png": {"group": "g"}}),
        r"image part_1.png \(and 1 more\)",
    ),
    "image twice": (lambda r: edit_json(r, lambda d: d["images"].append(d["images"][0])), "part_0.png: listed twice"),
    "no image id": (
        lambda r: edit_json(r, lambda d: d["annotations"][1].update(image_id=77)),
        r"annotations\[1\]: image_id 77",
    ),
    "no class id": (
        lambda r: edit_json(r, lambda d: d["annotations"][2].update(category_id=9)),
        r"annotations\[2\]: category_id 9",
    ),
    "short box": (lambda r: edit_json(r, lambda d: d["annotations"][2].update(bbox=[1])), r"annotations\[2\].bbox"),
    "nan box": (
        lambda r: edit_json(r, lambda d: d["annotations"][0].update(bbox=[1, 2, 3, float("nan")])),
        r"annotations\[0\].bbox\[3\]",
    ),
    "no size": (lambda r: edit_json(r, lambda d: d["images"][0].pop("width")), "part_0.png: no width"),
    "outside images": (
        lambda r: edit_json(r, lambda d: d["images"][0].update(file_name="../../x.png")),
        "../../x.png: annotated, but",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_dataset_is_refused_by_file_and_record(dataset: Dataset, damage: str) -> None:
    break_it, message = DAMAGES[damage]
    break_it(dataset.root)
    with pytest.raises(InputError, match=message) as caught:
        open_dataset(dataset.root)
    assert "\n" not in str(caught.value)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "ds", CLASSES, samples(tmp_path / "src", masks=True), "masks")
    edit_json(dataset.root, lambda d: d["images"][0].update(width=63))
    with pytest.raises(DatasetError, match=r"part_0.png: a mask of 64×48 on an image of 63×48"):
        open_dataset(dataset.root)


def test_a_defect_without_mask_in_mask_data_is_refused(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "ds", CLASSES, samples(tmp_path / "src", masks=True), "masks")
    edit_json(dataset.root, lambda d: d["annotations"][0].update(segmentation=[]))
    with pytest.raises(DatasetError, match=r"part_0.png: an annotation without a mask"):
        open_dataset(dataset.root)


def test_what_is_no_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no such folder"):
        open_dataset(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"the folder is empty"):
        open_dataset(tmp_path / "empty")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(DatasetError, match=r"is a zip file.* – unpack it first"):
        open_dataset(tmp_path / "a.zip")
    with pytest.raises(DatasetError, match=r"it looks like yolo \(1 label file and classes.txt\).*data import"):
        open_dataset(yolo(tmp_path / "yolo", {"a": ""}))
    write_picture(tmp_path / "m" / "images" / "a.jpg")
    write_mask(tmp_path / "m" / "masks" / "a.png")
    with pytest.raises(DatasetError, match=r"it looks like masks"):
        open_dataset(tmp_path / "m")


@pytest.mark.parametrize("name", ["", "/a.png", "../a.png", "a/../b.png", "a\\b.png", "a\nb.png", "./a.png"])
def test_names_that_are_no_path_below_images_are_refused(tmp_path: Path, name: str) -> None:
    sample = Sample(write_picture(tmp_path / "a.png"), WH, Detections.empty(), "g")
    with pytest.raises(DatasetError, match=r"image name"):
        write_dataset(tmp_path / "ds", CLASSES, [sample], "x", name_of=lambda _: name)
    assert not (tmp_path / "ds").exists()


def test_one_name_for_two_images_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    twins = [Sample(write_picture(tmp_path / d / "a.png"), WH, Detections.empty(), "g") for d in ("x", "y")]
    with pytest.raises(DatasetError, match=r"two images would be called 'a.png'"):
        write_dataset(tmp_path / "out" / "ds", CLASSES, twins, "x")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_write_leaves_the_old_dataset(dataset: Dataset, tmp_path: Path) -> None:
    def interrupted() -> object:
        yield from samples(tmp_path / "src")[:1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(dataset.root, CLASSES, interrupted(), "x", overwrite=True)
    assert len(open_dataset(dataset.root).samples) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ds", "src"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lineproof.data.writing.write_bytes", full)
    with pytest.raises(DatasetError, match=r"ds: cannot be written \(No space left on device\) – make room"):
        write_dataset(tmp_path / "out" / "ds", CLASSES, samples(tmp_path / "src"), "x")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_dataset_is_replaced_only_when_told(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"is not empty – choose another --out, or --overwrite"):
        write_dataset(dataset.root, CLASSES, samples(tmp_path / "src"), "x")
    replaced = write_dataset(dataset.root, CLASSES, samples(tmp_path / "src")[:1], "x", overwrite=True)
    assert len(replaced.samples) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ds", "src"]


def test_a_folder_that_is_no_dataset_is_never_replaced(tmp_path: Path) -> None:
    keep = write_picture(tmp_path / "holiday" / "beach.jpg")
    with pytest.raises(DatasetError, match=r"is not a lineproof dataset"):
        write_dataset(tmp_path / "holiday", CLASSES, samples(tmp_path / "src"), "x", overwrite=True)
    assert keep.is_file()


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "ds").mkdir()
    assert len(write_dataset(tmp_path / "ds", CLASSES, samples(tmp_path / "src"), "x").samples) == 3


def test_no_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no image"):
        write_dataset(tmp_path / "ds", CLASSES, [], "x")


def test_good_parts_of_mask_data_still_have_mask_columns(tmp_path: Path) -> None:
    good = [samples(tmp_path / "src", masks=True)[2]]
    dataset = write_dataset(tmp_path / "ds", CLASSES, good, "masks")
    assert dataset.has_masks
    assert dataset.samples[0].ok


def test_an_empty_mask_of_a_defect_is_kept(tmp_path: Path) -> None:
    empty = Detections(np.array([[1, 1, 3, 3]]), np.ones(1), np.zeros(1), (BoxMask(0, 0, np.zeros((0, 0), np.bool_)),))
    sample = Sample(write_picture(tmp_path / "a.png"), WH, empty, "g")
    dataset = write_dataset(tmp_path / "ds", CLASSES, [sample], "masks")
    assert dataset.samples[0].truth.area_px.tolist() == [0]
