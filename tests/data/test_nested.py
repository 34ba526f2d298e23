from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_dataset import CLASSES, dataset, parts, truth
from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.data.nested import FEW, nested_order, nested_subsets
from lineproof.errors import DatasetError, InputError


def made(*groups: list[tuple[int, ...]]) -> Dataset:
    """A dataset of groups, each a list of images, each the class ids it shows; no file is needed for an order."""
    samples, classes = [], 1 + max((c for group in groups for ids in group for c in ids), default=0)
    for g, group in enumerate(groups):
        for i, ids in enumerate(group):
            rows = [(1, 1, 9, 9, c) for c in ids]
            samples.append(Sample(Path(f"/d/images/{g:04d}-{i:03d}.png"), (64, 64), truth(*rows), f"g{g}", "train"))
    return Dataset(Path("/d"), tuple(f"c{i}" for i in range(classes)), tuple(samples), "test", "", has_masks=False)


image = st.lists(st.integers(0, 3), max_size=2, unique=True).map(tuple)
datasets = st.lists(st.lists(image, min_size=1, max_size=6), min_size=1, max_size=30).map(lambda g: made(*g))


def share_of_good(samples):
    return sum(s.ok for s in samples) / len(samples)


def classes_of(samples):
    return {int(c) for s in samples for c in s.truth.class_id}


@given(datasets, st.integers(0, 9), st.data())
def test_subsets_are_nested_and_cut_at_most_one_group(data, seed, draw):
    total = len(data.samples)
    sizes = draw.draw(st.lists(st.integers(1, total), min_size=1, max_size=4))
    subsets = nested_subsets(data, sizes, seed)
    assert list(subsets) == sorted(set(sizes))
    sizes_of_groups = {g: sum(s.group == g for s in data.samples) for g in {s.group for s in data.samples}}
    smaller: list[Sample] = []
    for size, subset in subsets.items():
        assert len(subset) == size == len({s.image for s in subset})
        assert subset[: len(smaller)] == smaller
        groups = list(dict.fromkeys(s.group for s in subset))
        cut = [g for g in groups if sum(s.group == g for s in subset) < sizes_of_groups[g]]
        assert cut in ([], [groups[-1]])
        smaller = subset
    again = nested_subsets(data, sizes, seed)
    assert [s.image for s in subset] == [s.image for s in again[size]]


@given(datasets, st.integers(0, 9))
def test_an_order_holds_everything_once(data, seed):
    order = nested_order(data.samples, len(data.classes), seed)
    assert sorted(s.image for s in order) == sorted(s.image for s in data.samples)


@given(st.integers(0, 50), st.integers(2, 8), st.integers(0, 3))
def test_every_class_is_there_after_as_many_images_as_there_are_classes(seed, classes, rarity):
    """One image a group: the first images show each class once, then each often enough before the rest."""
    rng = np.random.default_rng(seed)
    kinds = [(c,) for c in range(classes) for _ in range(5 + 30 * (c > rarity))]
    data = made(*[[kinds[i]] for i in rng.permutation(len(kinds))])
    order = nested_order(data.samples, classes, seed)
    assert classes_of(order[:classes]) == set(range(classes))
    early = [int(s.truth.class_id[0]) for s in order[: FEW * classes]]
    assert all(early.count(c) == FEW for c in range(classes))


@given(st.integers(0, 20), st.sampled_from([0.1, 0.5, 0.8]))
def test_good_parts_keep_their_share_and_so_do_classes(seed, good):
    rng = np.random.default_rng(seed)
    kinds = [() if rng.random() < good else ((0,) if rng.random() < 0.75 else (1,)) for _ in range(300)]
    data = made(*[[kind] for kind in [*kinds, (0,), (1,)]])
    whole = share_of_good(data.samples)
    order = nested_order(data.samples, 2, seed)
    for size in (50, 100, 200):
        assert abs(share_of_good(order[:size]) - whole) < 2.5 / size + 0.02
    common = sum(0 in s.truth.class_id for s in order[:100]) / 100
    assert abs(common - sum(0 in s.truth.class_id for s in data.samples) / len(data.samples)) < 0.05


def test_another_seed_is_another_draw():
    data = made(*[[(i % 3,)] for i in range(90)])
    first, second = ({s.image for s in nested_subsets(data, [30], seed)[30]} for seed in (0, 1))
    assert 3 < len(first & second) < 20, "two draws of a third share about a third"


def test_a_larger_size_added_later_changes_nothing_before_it():
    data = made(*[[(i % 3,)] * (1 + i % 4) for i in range(40)])
    few, more = nested_subsets(data, [10, 25], 0), nested_subsets(data, [10, 25, 60, 90], 0)
    for size in few:
        assert [s.image for s in few[size]] == [s.image for s in more[size]]


def test_a_group_is_put_off_rather_than_cut():
    data = made(*[[(0,)] * 4 for _ in range(6)], *[[(1,)] for _ in range(6)])
    for seed in range(5):
        subset = nested_subsets(data, [7], seed)[7]
        sizes = [sum(s.group == g for s in subset) for g in {s.group for s in subset}]
        assert set(sizes) <= {1, 4}, "4 + 3 single ones fit into 7 images"
        assert classes_of(subset) == {0, 1}


def test_one_huge_group_does_not_keep_the_other_classes_out():
    data = made([(0,)] * 60, *[[(1,)] for _ in range(5)], *[[(2,)] for _ in range(5)], [(0,)])
    subset = nested_subsets(data, [20], 0)[20]
    assert classes_of(subset) == {0, 1, 2}


def test_more_images_than_there_are(tmp_path):
    data = made([(0,)], [(0,)], [()])
    with pytest.raises(DatasetError, match=r"3 training images, too few for a subset of 50 – ask for at most 3"):
        nested_subsets(data, [2, 50], 0)


@pytest.mark.parametrize("sizes", [[], [0], [5, -1]])
def test_sizes_that_are_none(sizes):
    with pytest.raises(InputError, match="expected numbers of images from 1 on"):
        nested_subsets(made([(0,)] * 9), sizes, 0)


def test_only_the_train_split_is_drawn_from(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 6))
    assert len(CLASSES) == 2
    with pytest.raises(DatasetError, match="no image in split 'train'"):
        nested_subsets(data, [2], 0)
