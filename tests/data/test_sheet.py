from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn_dataset import dataset, parts, sample, save, texture
from lineproof.data.choose import choose_samples
from lineproof.data.dataset import with_splits
from lineproof.data.palette import GOOD, class_colour
from lineproof.data.sheet import CAPTION_PX, CELL_WH, GAP_PX, draw_sheet, draw_truth, require_png, write_sheet
from lineproof.errors import DatasetError, InputError


@pytest.fixture
def data(tmp_path: Path):
    return dataset(tmp_path, parts(tmp_path, 9, shots=2))


def close_to(picture, colour):
    return (np.abs(picture.astype(int) - colour).max(axis=-1) < 40).sum()


def test_a_sheet_shows_every_image_with_its_class_colours(data):
    samples = choose_samples(data, 12, 0)
    sheet = draw_sheet(data, samples, "nine parts")
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 4 * (CELL_WH[0] + GAP_PX) + GAP_PX
    assert sheet.shape[0] > 3 * (CELL_WH[1] + CAPTION_PX)
    for colour in (class_colour(0), class_colour(1), GOOD):
        assert close_to(sheet, colour) > 50


def test_a_mask_is_tinted_and_a_small_defect_gets_a_ring(tmp_path):
    path = save(tmp_path / "a.png", np.full((96, 128, 3), 100, np.uint8))
    large = sample(path, (20, 20, 80, 70, 0), masks=True)
    drawn = draw_truth(cv2.imread(str(path)), large, 1.0)
    inside = drawn[45, 50].astype(int)
    assert np.abs(inside - (0.35 * np.array(class_colour(0)) + 65)).max() < 3
    small = draw_truth(cv2.imread(str(path)), sample(path, (60, 50, 63, 52, 1)), 1.0)
    assert close_to(small[:, :, :], class_colour(1)) > 60
    assert close_to(small[45:57, 56:67], class_colour(1)) < 20  # the ring leaves the defect itself free


def test_an_image_that_cannot_be_read_does_not_spoil_the_sheet(data):
    samples = choose_samples(data, 4, 0)
    samples[0].image.write_bytes(b"")
    assert draw_sheet(data, samples, "x").size


def test_samples_come_from_every_class_and_every_part(data):
    names = [data.name_of(s) for s in data.samples]
    data = with_splits(data, {}, {name: name[:6] for name in names})
    samples = choose_samples(data, 9, 0)
    assert sum(s.ok for s in samples) == 3
    assert len({s.image.name[:6] for s in samples}) == 9
    assert [s.image for s in samples] == [s.image for s in choose_samples(data, 9, 0)]
    assert [s.image for s in samples] != [s.image for s in choose_samples(data, 9, 1)]


def test_more_asked_for_than_there_are(data):
    assert len(choose_samples(data, 400, 0)) == 18


def test_only_one_class(data):
    assert all(1 in s.truth.class_id for s in choose_samples(data, 50, 0, class_name="pit"))


def test_a_class_or_split_that_is_not_there(data):
    with pytest.raises(InputError, match="did you mean 'scratch'"):
        choose_samples(data, 5, 0, class_name="scratsh")
    with pytest.raises(DatasetError, match="no image in split 'val'"):
        choose_samples(data, 5, 0, split="val")


def test_a_png_is_written_and_nothing_else(tmp_path):
    write_sheet(tmp_path / "new" / "sheet.png", texture(0))
    assert cv2.imread(str(tmp_path / "new" / "sheet.png")).shape == (96, 128, 3)
    with pytest.raises(InputError, match=r"expected a \.png"):
        require_png(tmp_path / "sheet.jpg")


def test_colours_differ_and_none_is_that_of_good_parts():
    colours = [np.array(class_colour(i)) for i in range(20)]
    gaps = [np.abs(a - b).max() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(gaps) > 12
    assert min(np.abs(colour - np.array(GOOD)).max() for colour in colours) > 40
