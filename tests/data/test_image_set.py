from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn_dataset import dataset, expose, parts, sample, save, texture
from lineproof.data.dataset import with_splits
from lineproof.data.image_set import join_twins, open_image_set, readable, thinned
from lineproof.errors import DatasetError, InputError


@pytest.fixture
def data(tmp_path: Path):
    made = dataset(tmp_path, parts(tmp_path, 6, shots=2))
    names = [made.name_of(each) for each in made.samples]
    return with_splits(
        made,
        {name: "test" if name[4:6] in ("04", "05") else "train" for name in names},
        {name: name[:6] for name in names},
    )


def test_a_split_of_a_dataset_with_its_groups(data):
    images = open_image_set(data.root, "test")
    assert images.name == "dataset test"
    assert images.groups == ("part04", "part04", "part05", "part05")
    assert images.title(0) == "images/part04_0.png"
    assert len(open_image_set(data.root)) == 12


def test_a_folder_of_pictures_each_a_group_of_its_own(data):
    images = open_image_set(data.root / "images")
    assert len(images) == len(set(images.groups)) == 12


def test_a_split_that_is_not_there(data):
    with pytest.raises(DatasetError, match="no image in split 'val'; there are test, train"):
        open_image_set(data.root, "val")
    with pytest.raises(InputError, match="no dataset, so it has no split 'test'"):
        open_image_set(data.root / "images", "test")


def test_a_folder_that_is_not_there_or_holds_no_image(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        open_image_set(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DatasetError, match="no images in it"):
        open_image_set(tmp_path)


def test_damaged_images_are_left_out_and_named(data):
    images = open_image_set(data.root)
    images.paths[3].write_bytes(images.paths[3].read_bytes()[:200])
    seen = []
    kept = readable(images, look=lambda image: seen.append(image.shape))
    assert len(kept) == len(kept.groups) == len(seen) == 11
    assert images.paths[3] not in kept.paths
    assert len(kept.unreadable) == 1
    assert str(images.paths[3]) in kept.unreadable[0]


def test_at_most_so_many_in_whole_groups(data):
    few = thinned(open_image_set(data.root), 7, seed=1)
    assert len(few) == 6
    assert all(few.groups.count(group) == 2 for group in few.groups)
    assert len(thinned(open_image_set(data.root), 12)) == 12


def test_images_of_the_same_place_are_one_group_across_sets(tmp_path):
    for seed in range(4):
        save(tmp_path / "a" / f"{seed}.png", texture(seed))
    save(tmp_path / "b" / "again.png", expose(texture(2), 0.7))
    (tmp_path / "b" / "copy.png").write_bytes((tmp_path / "a" / "0.png").read_bytes())
    save(tmp_path / "b" / "new.png", texture(9))
    sets = [open_image_set(tmp_path / name) for name in "ab"]
    a, b = join_twins(sets)
    assert len(set(a)) == 4
    assert b == [a[2], a[0], b[2]]
    assert b[2] not in a
    _, copies = join_twins(sets, twins=False)
    assert copies[1] == a[0]
    assert copies[0] not in a


def test_groups_given_stay_together_and_equal_names_of_two_folders_do_not(data, tmp_path):
    other = dataset(tmp_path / "other", [sample(save(tmp_path / "x.png", texture(50)), group="part00")])
    joined = join_twins((open_image_set(data.root), open_image_set(other.root)), twins=False)
    assert len(set(joined[0])) == 6
    assert joined[1][0] not in joined[0]


def test_mono_and_colour_pictures_are_both_read(tmp_path):
    save(tmp_path / "mono.png", cv2.cvtColor(texture(0), cv2.COLOR_BGR2GRAY))
    save(tmp_path / "deep.png", np.zeros((20, 20), np.uint16))
    kept = readable(open_image_set(tmp_path))
    assert [path.name for path in kept.paths] == ["mono.png"]
    assert "16" in kept.unreadable[0] or "8-bit" in kept.unreadable[0]
