"""Annotations that opinions contradict: the rules, on opinions made up for the purpose."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import detections
from drawn_dataset import dataset, parts, sample, save, texture, truth
from lineproof.core import Detections, Sample
from lineproof.data.suspects.confident import contradicted, suspicion_of
from lineproof.data.suspects.crops import crop_with_context
from lineproof.data.suspects.folds import group_folds
from lineproof.data.suspects.from_classes import class_suspects
from lineproof.data.suspects.from_detections import detection_suspects
from lineproof.data.suspects.listing import COLUMNS, counts_of, rows_of, write_csv
from lineproof.data.suspects.sheet import write_sheets
from lineproof.data.suspects.suspect import ranked
from lineproof.errors import DatasetError

CLASSES = ("scratch", "pit", "dent")


def shown(*rows, name="a", group="") -> Sample:
    """An image of 100 × 100 px with boxes, which need not lie on disk."""
    return Sample(Path(f"/d/images/{name}.png"), (100, 100), truth(*rows), group or name, "train")


def test_a_label_that_is_contradicted_with_confidence_is_told_from_one_that_is_hard():
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    first = np.array([0.9, 0.9, 0.9, 0.02, 0.4, 0.45, 0.35])
    table = np.stack([first, 1 - first], axis=1)
    assert contradicted(table, labels).tolist() == [-1, -1, -1, 1, -1, -1, -1]
    assert suspicion_of(table, labels)[3] > 0.95


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10), st.integers(0, 10), st.integers(1, 10)), min_size=1))
def test_no_label_is_contradicted_by_itself(rows):
    table = np.array([row[1:] for row in rows], float)
    table /= table.sum(axis=1, keepdims=True)
    labels = np.array([row[0] for row in rows])
    assert (contradicted(table, labels) != labels).all()
    margin = suspicion_of(table, labels)
    assert ((margin >= -1e-9) & (margin <= 1 + 1e-9)).all()
    assert ((margin > 0.5 + 1e-9) <= (table.argmax(axis=1) != labels)).all()


def test_swapped_classes_are_named_with_what_they_look_like():
    boxes = [(shown((1, 1, 9, 9, i % 2), name=f"{i}"), 0) for i in range(10)]
    table = np.array([[0.9, 0.05, 0.05] if i % 2 == 0 else [0.1, 0.85, 0.05] for i in range(10)])
    table[4] = [0.03, 0.95, 0.02]
    table[7] = [0.5, 0.45, 0.05]
    found = ranked(class_suspects(boxes, table, np.ones(10, bool), CLASSES), 10)
    assert [s.sample.image.stem for s in found] == ["4", "7"]
    assert (found[0].given, found[0].suggested) == ("scratch", "pit")
    assert found[0].reason == "looks like pit (95%), not like scratch (3%)"
    unjudged = np.arange(10) != 4
    assert [s.sample.image.stem for s in class_suspects(boxes, table, unjudged, CLASSES)] == ["7"]
    assert class_suspects(boxes, table, np.zeros(10, bool), CLASSES) == []


@pytest.fixture
def agreed() -> tuple[list[Sample], list[Detections]]:
    """Twenty images whose one box is found as annotated."""
    samples = [shown((10, 10, 40, 40, i % 2), name=f"{i:02d}") for i in range(20)]
    return samples, [detections((11, 10, 41, 40, 0.8, i % 2)) for i in range(20)]


def about(agreed, annotated, seen, classes=CLASSES):
    """What is suspected of one more image."""
    samples, found = agreed
    suspects = detection_suspects([*samples, annotated], [*found, seen], classes)
    assert all(s.sample is annotated for s in suspects), "images that agree are left alone"
    return suspects


def test_what_agrees_is_not_suspected(agreed):
    assert about(agreed, shown((5, 5, 30, 30, 0), (60, 60, 90, 90, 1)), detections((5, 5, 31, 30, 0.6, 0), (58, 60, 90, 90, 0.3, 1))) == []  # fmt: skip


def test_a_box_no_model_finds_is_spurious(agreed):
    (suspect,) = about(agreed, shown((60, 60, 90, 90, 0)), Detections.empty())
    assert (suspect.kind, suspect.row, suspect.given, suspect.suggested) == ("spurious", 0, "scratch", "")
    assert "no model finds anything here, and they find 91% of scratch" in suspect.reason


def test_a_class_that_is_never_found_makes_no_box_spurious(agreed):
    (suspect,) = about(agreed, shown((60, 60, 90, 90, 2)), Detections.empty())
    assert suspect.suspicion == 0


def test_a_confident_detection_without_annotation_is_missing(agreed):
    (suspect,) = about(agreed, shown((5, 5, 30, 30, 0)), detections((5, 5, 30, 30, 0.9, 0), (60, 60, 90, 90, 0.7, 1), (70, 5, 90, 20, 0.2, 1)))  # fmt: skip
    assert (suspect.kind, suspect.row, suspect.suggested, suspect.xyxy) == ("missing", -1, "pit", (60, 60, 90, 90))


def test_good_parts_can_miss_a_defect_too(agreed):
    (suspect,) = about(agreed, shown(), detections((60, 60, 90, 90, 0.7, 1)))
    assert suspect.kind == "missing"


def test_another_class_and_another_place(agreed):
    (suspect,) = about(agreed, shown((5, 5, 35, 35, 0)), detections((5, 5, 35, 34, 0.9, 1), (5, 5, 35, 35, 0.1, 0)))
    assert (suspect.kind, suspect.given, suspect.suggested) == ("class", "scratch", "pit")
    (suspect,) = about(agreed, shown((5, 5, 35, 35, 0)), detections((18, 18, 48, 48, 0.9, 0)))
    assert suspect.kind == "misplaced"
    assert "in another place or size: the boxes share 19%" in suspect.reason


def test_a_detection_that_belongs_to_a_neighbour_displaces_nothing(agreed):
    boxes = ((5, 5, 35, 35, 0), (20, 5, 50, 35, 0))
    found = about(agreed, shown(*boxes), detections((20, 5, 50, 35, 0.9, 0), (5, 5, 35, 35, 0.2, 0)))
    assert found == []


def test_injected_errors_come_first_from_noisy_detectors():
    """5 of 200 boxes dropped, 5 put where nothing is: the first ten suspects are mostly these."""
    rng = np.random.default_rng(0)
    samples, found, injected = [], [], set()
    for i in range(100):
        rows = [(5, 5, 30, 30, 0), (60, 60, 90, 90, 1)]
        seen = [(*(v + rng.uniform(-3, 3) for v in row[:4]), rng.uniform(0.3, 0.95), row[4]) for row in rows]
        seen = [row for row in seen if rng.random() < 0.9] + [
            (*rng.uniform(0, 40, 2), *rng.uniform(50, 100, 2), 0.1, 1)
        ]
        if i < 5:
            rows = rows[:1]
            seen = [seen[0], (60, 60, 90, 90, 0.9, 1)]
        elif i < 10:
            rows.append((60, 5, 90, 30, 0))
        if i < 10:
            injected.add(f"{i:03d}")
        samples.append(shown(*rows, name=f"{i:03d}"))
        found.append(detections(*seen))
    top = ranked(detection_suspects(samples, found, CLASSES), 20)
    assert sum(s.sample.image.stem in injected for s in top[:5]) == 5
    assert len({s.sample.image.stem for s in top} & injected) >= 9


def test_every_box_is_listed_once_under_its_strongest_reason(agreed):
    annotated = shown((5, 5, 35, 35, 0))
    weak = about(agreed, annotated, detections((5, 5, 35, 34, 0.5, 1)))
    boxes = [(annotated, 0), *((other, 0) for other in agreed[0])]
    table = np.array([[0.8, 0.1, 0.1] if i % 2 == 0 else [0.1, 0.8, 0.1] for i in range(20)])
    strong = class_suspects(boxes, np.vstack([[0.01, 0.98, 0.01], table]), np.ones(21, bool), CLASSES)
    assert [s.reason for s in ranked([*weak, *strong], 10)] == [strong[0].reason]
    assert ranked([*weak, *strong], 0) == []


def test_folds_keep_groups_whole_and_classes_everywhere():
    samples = [shown((1, 1, 9, 9, i % 3), name=f"{i}-{shot}", group=f"g{i}") for i in range(30) for shot in range(2)]
    fold_of = group_folds(samples, 3, 5, 0)
    assert fold_of.tolist() == group_folds(samples, 3, 5, 0).tolist()
    assert all(fold_of[2 * i] == fold_of[2 * i + 1] for i in range(30))
    for fold in range(5):
        assert {int(samples[i].truth.class_id[0]) for i in np.flatnonzero(fold_of == fold)} == {0, 1, 2}


def test_fewer_groups_than_folds():
    samples = [shown((1, 1, 9, 9, 0), name=f"{i}", group=f"g{i % 3}") for i in range(9)]
    with pytest.raises(DatasetError, match=r"3 groups of 9 images for 5 folds – .*--folds 3"):
        group_folds(samples, 1, 5, 0)


@given(st.tuples(*[st.floats(-20, 130)] * 4))
def test_a_crop_is_inside_and_holds_the_box(xyxy):
    x1, x2 = sorted(xyxy[::2])
    y1, y2 = sorted(xyxy[1::2])
    picture = np.arange(80 * 100, dtype=np.uint16).astype(np.uint8).reshape(80, 100, 1).repeat(3, 2)
    crop = crop_with_context(picture, np.array([x1, y1, x2, y2], np.float32))
    assert crop.shape[0] >= 1
    assert crop.shape[1] >= 1
    inside = min(x2, 100) - max(x1, 0)
    assert crop.shape[1] >= min(inside, 100)


def test_lists_and_sheets(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 36))
    defects = [s for s in data.samples if not s.ok]
    found = [Detections.empty() for _ in defects]
    found[0] = detections((60, 60, 90, 90, 0.7, 1))
    listed = ranked(detection_suspects(defects, found, data.classes), 100)
    rows = rows_of(data, listed)
    write_csv(tmp_path / "s.csv", rows)
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert tuple(read[0]) == COLUMNS
    assert (read[0]["kind"], read[0]["box"], read[0]["given"], read[0]["x2"]) == ("missing", "0", "", "90.0")
    assert counts_of(listed) == {"spurious": 24, "missing": 1}
    sheets = write_sheets(tmp_path, data, listed)
    assert [path.name for path in sheets] == ["suspects-01.png", "suspects-02.png"]
    picture = cv2.imread(str(sheets[0]))
    assert (picture == (60, 80, 250)).all(axis=2).sum() > 2000, "the suspect boxes are drawn"
    write_csv(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_text("utf-8").strip() == ",".join(COLUMNS)
    assert sample(save(tmp_path / "x.png", texture(1))).ok
