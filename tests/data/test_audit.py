import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from drawn_dataset import dataset, edit_annotations, expose, parts, sample, save, texture
from lineproof.data.audit import Code, audit
from lineproof.data.audit.mend import FIXES, mend
from lineproof.data.dataset import open_dataset, with_splits
from lineproof.errors import DatasetError


@pytest.fixture
def data(tmp_path: Path):
    """Twelve parts, good for training."""
    return dataset(tmp_path, parts(tmp_path, 12))


def codes(root: Path, **options):
    """Findings that are worth a word, by code."""
    found = audit(root, min_instances=1, **options).report.by_code()
    return {code: [f.image or f.record for f in findings] for code, findings in found.items()}


def mended_codes(root: Path, out: Path):
    mended = mend(audit(root, min_instances=1), out)
    assert not audit(out, min_instances=1).report.poisoned
    open_dataset(out)
    return mended


def image(data, name="part01_0.png") -> Path:
    return data.root / "images" / name


def test_a_good_dataset_has_no_finding(data):
    report = audit(data.root, min_instances=1).report
    assert report.findings == ()
    assert not report.poisoned
    assert report.as_text().endswith("fit for training")


# What is done to the images on disk.


def truncate(data):
    path = image(data)
    path.write_bytes(path.read_bytes()[:2000])


def truncate_jpeg(data):
    """The decoder would give half a picture without a word."""
    path = image(data)
    encoded = cv2.imencode(".jpg", texture(1))[1].tobytes()
    path.write_bytes(encoded[: len(encoded) // 2])


def empty(data):
    image(data).write_bytes(b"")


def no_image(data):
    image(data).write_bytes(b"hello")


def sixteen_bit(data):
    save(image(data), texture(1)[..., 0].astype(np.uint16) * 200)


def sixteen_bit_colour(data):
    save(image(data), texture(1).astype(np.uint16) * 200)


def opaque_alpha(data):
    save(image(data), cv2.cvtColor(texture(1), cv2.COLOR_BGR2BGRA))


def real_alpha(data):
    picture = cv2.cvtColor(texture(1), cv2.COLOR_BGR2BGRA)
    picture[:20, :, 3] = 0
    save(image(data), picture)


def exif(orientation):
    def turn(data):
        buffer = io.BytesIO()
        tags = Pillow.Exif()
        tags[0x0112] = orientation
        Pillow.fromarray(texture(1)[..., ::-1]).save(buffer, "JPEG", quality=95, exif=tags)
        image(data).write_bytes(buffer.getvalue())

    return turn


def extra_file(data):
    save(image(data, "loose.png"), texture(99))


def missing_file(data):
    image(data).unlink()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (truncate, {Code.UNREADABLE: ["part01_0.png"]}),
        (truncate_jpeg, {Code.UNREADABLE: ["part01_0.png"]}),
        (empty, {Code.UNREADABLE: ["part01_0.png"]}),
        (no_image, {Code.UNREADABLE: ["part01_0.png"]}),
        (sixteen_bit, {Code.SIXTEEN_BIT: ["part01_0.png"], Code.MONO: ["part01_0.png"]}),
        (sixteen_bit_colour, {Code.SIXTEEN_BIT: ["part01_0.png"]}),
        (opaque_alpha, {Code.CHANNELS: ["part01_0.png"]}),
        (real_alpha, {Code.CHANNELS: ["part01_0.png"]}),
        (exif(3), {Code.EXIF: ["part01_0.png"]}),
        (exif(6), {Code.EXIF: ["part01_0.png"], Code.SIZE: ["part01_0.png"]}),
        (extra_file, {Code.NO_ENTRY: ["loose.png"]}),
        (missing_file, {Code.NO_FILE: ["part01_0.png"]}),
    ],
)
def test_what_is_wrong_with_files_is_found_and_mended(data, tmp_path, spoil, expected):
    spoil(data)
    assert codes(data.root) == expected
    mended = mended_codes(data.root, tmp_path / "fixed")
    assert {change.code for change in mended.changes} >= set(expected) - {Code.MONO}
    assert len(mended.dataset.samples) in (11, 12)


# What is done to the annotations.


def record(document, row=0):
    return document["annotations"][row]


def box(*xywh):
    return lambda document: record(document).update(bbox=list(xywh))


def annotations(change):
    return lambda data: edit_annotations(data.root, change)


def unlisted(data):
    path = data.root / "dataset.yaml"
    lines = [line for line in path.read_text("utf-8").splitlines() if "part01_0" not in line]
    path.write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (box(float("nan"), 1, 5, 5), Code.DEGENERATE),
        (box(1, 1, 0, 5), Code.DEGENERATE),
        (box(30, 30, -10, 5), Code.DEGENERATE),
        (box(500, 500, 5, 5), Code.DEGENERATE),
        (box(100, 50, 60, 20), Code.OUTSIDE),
        (box(-8, 50, 60, 20), Code.OUTSIDE),
        (box(1, 2, 3), Code.MALFORMED),
        (box("a", 2, 3, 4), Code.MALFORMED),
        (lambda d: record(d).update(image_id=999), Code.ORPHAN),
        (lambda d: record(d).update(image_id=None), Code.ORPHAN),
        (lambda d: record(d).update(category_id=9), Code.UNKNOWN_CLASS),
        (lambda d: record(d).update(segmentation=[[1, 2, 3]]), Code.MALFORMED),
        (lambda d: record(d).update(segmentation=[[900, 900, 910, 900, 910, 910]]), Code.EMPTY_MASK),
        (lambda d: record(d).update(segmentation={"size": [5, 5], "counts": [25]}), Code.MALFORMED),
        (lambda d: d["annotations"].append("scratch"), Code.MALFORMED),
        (lambda d: d["annotations"].append(dict(record(d))), Code.TWICE),
        (lambda d: d["images"][1].update(width=64), Code.SIZE),
        (lambda d: d["images"][1].update(width=None), Code.SIZE),
        (lambda d: d["images"].append(d["images"][1] | {"id": 77}), Code.LISTED_TWICE),
        (lambda d: d["images"].append({"id": 5}), Code.MALFORMED),
        (lambda d: d["categories"].reverse(), Code.CLASS_LIST),
    ],
)
def test_what_is_wrong_with_records_is_found_and_mended(data, tmp_path, change, expected):
    edit_annotations(data.root, change)
    found = codes(data.root)
    assert expected in found
    assert len(found) == 1
    mended = mended_codes(data.root, tmp_path / "fixed")
    assert expected in {item.code for item in mended.changes}
    assert len(mended.dataset.samples) == 12


def test_a_name_missing_from_dataset_yaml_is_found(data):
    unlisted(data)
    assert codes(data.root) == {Code.NOT_IN_SETTINGS: ["part01_0.png"]}


def test_clipping_keeps_the_inside_of_a_box(data, tmp_path):
    edit_annotations(data.root, box(100, 50, 60, 20))
    mended = mended_codes(data.root, tmp_path / "fixed")
    boxes = next(s for s in mended.dataset.samples if s.image.name == "part01_0.png").truth.xyxy
    assert boxes.tolist() == [[100, 50, 128, 70]]


def test_boxes_drawn_before_exif_turned_the_image_are_turned_with_it(data, tmp_path):
    """Recorded 128×96 as stored; a viewer shows 96×128, turned by 90° clockwise."""
    exif(6)(data)
    mended = mended_codes(data.root, tmp_path / "fixed")
    turned = next(s for s in mended.dataset.samples if s.image.stem == "part01_0")
    assert turned.image_wh == (96, 128)
    assert turned.truth.xyxy.tolist() == [[96 - 30, 10, 96 - 10, 40]]
    assert np.abs(cv2.imread(str(turned.image)).astype(int) - np.rot90(texture(1), -1)).mean() < 3


def test_boxes_drawn_on_another_size_are_scaled(data, tmp_path):
    save(image(data), cv2.resize(texture(1), (64, 48)))
    assert codes(data.root) == {Code.SIZE: ["part01_0.png"]}
    mended = mended_codes(data.root, tmp_path / "fixed")
    scaled = next(s for s in mended.dataset.samples if s.image.name == "part01_0.png")
    assert scaled.truth.xyxy.tolist() == [[5, 5, 20, 15]]


def test_masks_go_with_the_pixels(tmp_path):
    pictures = [save(tmp_path / f"{i}.png", texture(i)) for i in range(4)]
    good = dataset(tmp_path, [sample(path, (10, 20, 30, 60, 0), masks=True) for path in pictures])
    save(good.root / "images" / "2.png", cv2.resize(texture(2), (256, 192)))
    mended = mended_codes(good.root, tmp_path / "fixed")
    assert mended.dataset.has_masks
    sample_2 = next(s for s in mended.dataset.samples if s.image.name == "2.png")
    assert sample_2.truth.masks is not None
    assert sample_2.truth.masks[0].xyxy == (20, 40, 60, 120)


def test_one_record_without_a_mask_does_not_cost_all_masks(tmp_path):
    pictures = [save(tmp_path / f"{i}.png", texture(i)) for i in range(4)]
    good = dataset(tmp_path, [sample(path, (10, 20, 30, 60, 0), masks=True) for path in pictures])
    edit_annotations(good.root, lambda d: record(d, 1).pop("segmentation"))
    assert codes(good.root)[Code.MALFORMED] == ["1.png"]
    mended = mended_codes(good.root, tmp_path / "fixed")
    assert mended.dataset.has_masks
    assert sum(len(s.truth) for s in mended.dataset.samples) == 3


def test_a_series_of_defects_with_one_image_that_has_none(tmp_path):
    samples = []
    for number in range(12):
        path = save(tmp_path / "raw" / f"crack_{number}.png", texture(number))
        samples.append(sample(path, *(() if number == 7 else ((5, 5, 30, 30, 0),))))
    data = dataset(tmp_path, samples)
    assert codes(data.root)[Code.UNLABELLED] == ["crack_7.png"]
    mended = mended_codes(data.root, tmp_path / "fixed")
    assert "crack_7.png" not in {s.image.name for s in mended.dataset.samples}


def test_good_parts_among_defects_are_no_missing_labels(data):
    assert Code.UNLABELLED not in codes(data.root)


# Images that show the same.


def test_copies_and_their_contradictions(tmp_path):
    samples = parts(tmp_path, 9)
    first = samples[1]
    same = save(tmp_path / "same.png", cv2.imread(str(first.image)))
    other = save(tmp_path / "other.bmp", cv2.imread(str(first.image)))
    samples += [sample(same, (11, 10, 40, 31, 0)), sample(other, (60, 60, 90, 90, 1))]
    data = dataset(tmp_path, samples)
    found = codes(data.root)
    assert len(found[Code.COPY]) == 2
    assert len(found[Code.COPY_DIFFERS]) == 1
    mended = mended_codes(data.root, tmp_path / "fixed")
    assert len(mended.dataset.samples) == 9


def test_twins_on_both_sides_of_a_split(tmp_path):
    data = dataset(tmp_path, parts(tmp_path, 6, shots=2))
    assert set(codes(data.root)) == {Code.TWINS}
    names = [data.name_of(s) for s in data.samples]
    data = with_splits(
        data, {name: "val" if name in ("part00_1.png", "part05_0.png") else "train" for name in names}, {}
    )
    found = codes(data.root)
    assert found[Code.CROSSING] == ["part00_1.png", "part05_0.png"]
    assert Code.CROSSING not in codes(data.root, twins=False)
    mended = mended_codes(data.root, tmp_path / "fixed")
    moved = {s.image.name: s.split for s in mended.dataset.samples}
    assert moved["part00_0.png"] == moved["part00_1.png"]
    assert sum(change.code is Code.CROSSING for change in mended.changes) == 2


def test_a_group_on_both_sides_of_a_split(data, tmp_path):
    names = [data.name_of(s) for s in data.samples]
    split = {name: "val" if i < 4 else "train" for i, name in enumerate(names)}
    with_splits(data, split, dict.fromkeys(names[3:6], "lot-7"))
    found = audit(data.root, min_instances=1).report.by_code()
    assert "lot-7" in found[Code.GROUP_CROSSING][0].text
    mended = mended_codes(data.root, tmp_path / "fixed")
    assert {s.split for s in mended.dataset.samples if s.group == "lot-7"} == {"train"}


def test_a_good_image_whose_twin_is_bad(tmp_path):
    samples = parts(tmp_path, 6)
    samples.append(sample(save(tmp_path / "again.png", expose(texture(1), 0.8))))
    found = audit(dataset(tmp_path, samples).root, min_instances=1).report.by_code()
    assert [f.image for f in found[Code.TWINS_DISAGREE]] == ["again.png"]
    assert "scratch" in found[Code.TWINS_DISAGREE][0].text


# The dataset as a whole.


def test_few_instances_and_no_good_part(tmp_path):
    pictures = [save(tmp_path / f"{i}.png", texture(i)) for i in range(3)]
    data = dataset(tmp_path, [sample(path, (5, 5, 30, 30, 0)) for path in pictures])
    report = audit(data.root, min_instances=3).report
    assert [f.text for f in report.by_code()[Code.FEW]] == ["pit: 0 instances, fewer than 3"]
    assert Code.NO_OK in report.by_code()
    assert not report.poisoned


def test_mono_images_are_told_once_or_by_name(tmp_path):
    grey = [save(tmp_path / f"g{i}.png", texture(i)[..., 0]) for i in range(3)]
    all_mono = dataset(tmp_path, [sample(path, (5, 5, 20, 20, 0)) for path in grey])
    assert [f.text for f in audit(all_mono.root).report.by_code()[Code.MONO]] == ["all 3 images are mono"]
    save(all_mono.root / "images" / "g1.png", texture(1))
    assert codes(all_mono.root)[Code.MONO] == ["g0.png", "g2.png"]


def test_the_report_names_counts_and_remedies(data):
    truncate(data)
    edit_annotations(data.root, box(100, 50, 60, 20))
    report = audit(data.root, min_instances=1).report
    text = report.as_text()
    assert "unreadable or truncated image: 1 [unreadable]" in text
    assert "part01_0.png, annotations[0]: box 100, 50, 60 × 20: 32 px beyond 128×96" in text
    assert text.endswith("not fit for training: 2 errors")
    facts = json.loads(json.dumps(report.as_dict()))
    assert facts["ok"] is False
    assert facts["counts"] == {"unreadable": 1, "box-outside": 1}
    assert facts["findings"][1]["record"] == "annotations[0]"


def test_every_change_is_written_down(data, tmp_path):
    truncate(data)
    edit_annotations(data.root, lambda d: d["annotations"].append(dict(record(d, 3))))
    mend(audit(data.root), tmp_path / "fixed")
    written = json.loads((tmp_path / "fixed" / FIXES).read_text("utf-8"))
    assert written["counts"] == {"unreadable": 1, "duplicate-box": 1}
    assert {change["image"] for change in written["changes"]} >= {"part01_0.png"}


def test_the_original_is_never_touched(data, tmp_path):
    truncate(data)
    before = {path: path.read_bytes() for path in data.root.rglob("*") if path.is_file()}
    mend(audit(data.root), tmp_path / "fixed")
    assert {path: path.read_bytes() for path in data.root.rglob("*") if path.is_file()} == before
    with pytest.raises(DatasetError, match="not empty"):
        mend(audit(data.root), data.root)
    with pytest.raises(DatasetError, match="is the dataset itself"):
        mend(audit(data.root), data.root, overwrite=True)


def test_nothing_usable_is_left(tmp_path):
    data = dataset(tmp_path, parts(tmp_path, 2))
    for path in (data.root / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="no usable image is left"):
        mend(audit(data.root), tmp_path / "fixed")
    assert not (tmp_path / "fixed").exists()


def break_json(data):
    (data.root / "annotations.coco.json").write_text('{"images": [', "utf-8")


def list_json(data):
    (data.root / "annotations.coco.json").write_text("[]", "utf-8")


def drop_json(data):
    (data.root / "annotations.coco.json").unlink()


def drop_yaml(data):
    (data.root / "dataset.yaml").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (break_json, "not valid JSON"),
        (list_json, "not a COCO file"),
        (drop_json, "no such file"),
        (drop_yaml, r"no dataset\.yaml"),
    ],
)
def test_what_is_no_dataset_is_refused_in_one_line(data, spoil, words):
    spoil(data)
    with pytest.raises(DatasetError, match=words):
        audit(data.root)


def test_a_document_without_its_lists_is_told(data):
    edit_annotations(data.root, lambda d: d.pop("annotations"))
    assert Code.MALFORMED in codes(data.root)
