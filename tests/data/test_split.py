from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_dataset import dataset, expose, parts, sample, save, texture
from lineproof.data.dataset import open_dataset
from lineproof.data.duplicates import Duplicates, Kind, Pair
from lineproof.data.leaks import TwinGraph
from lineproof.data.split import SplitOptions, merge_groups, split_dataset
from lineproof.data.split_report import report_dict, report_text
from lineproof.data.stratify import stratify
from lineproof.errors import DatasetError, InputError


def splits_of(data):
    return {data.name_of(s): s.split for s in data.samples}


def groups_of(data):
    return {data.name_of(s): s.group for s in data.samples}


group_counts = st.lists(
    st.lists(st.integers(0, 6), min_size=3, max_size=3).map(lambda row: [*row, max(1, sum(row))]),
    min_size=3,
    max_size=60,
)
shares = st.sampled_from([(0.8, 0.2), (0.7, 0.15, 0.15), (0.5, 0.5), (0.9, 0.1)])


@given(group_counts, shares, st.integers(0, 9))
def test_every_group_is_in_one_split_and_every_split_has_one(counts, shares, seed):
    table = np.array(counts, float)
    first, again = stratify(table, shares, seed), stratify(table, shares, seed)
    assert first.tolist() == again.tolist()
    assert len(first) == len(counts)
    assert set(first.tolist()) == set(range(len(shares)))


# From 48 groups on: with fewer, one group of each of four labels in every split is already more than a small share.
@given(st.integers(48, 120), shares, st.integers(0, 5), st.integers(0, 2**31))
def test_shares_are_kept_where_groups_are_small(groups, shares, seed, data_seed):
    rng = np.random.default_rng(data_seed)
    size = rng.integers(1, 4, groups)
    kind = rng.integers(0, 4, groups)  # three classes, and good parts
    table = np.stack([*(size * (kind == k) for k in range(4)), size], axis=1).astype(float)
    chosen = stratify(table, shares, seed)
    for split, share in enumerate(shares):
        got = table[chosen == split].sum(axis=0)
        assert abs(got[-1] - share * table[:, -1].sum()) <= 6  # two groups of the largest size
        for label in range(4):
            if (kind == label).sum() >= len(shares):
                assert got[label] > 0, "every class that can be everywhere is everywhere"
                assert abs(got[label] - share * table[:, label].sum()) <= 6


def test_another_seed_gives_another_split():
    table = np.ones((40, 2))
    assert stratify(table, (0.8, 0.2), 0).tolist() != stratify(table, (0.8, 0.2), 1).tolist()


def test_a_large_group_does_not_starve_a_split():
    table = np.array([[100.0], *[[1.0]] * 10])
    chosen = stratify(table, (0.8, 0.2), 0)
    assert chosen[0] == 0
    assert set(chosen[1:].tolist()) == {1}


def test_fewer_groups_than_splits():
    with pytest.raises(ValueError, match="1 groups for 2 splits"):
        stratify(np.ones((1, 1)), (0.8, 0.2), 0)


def test_a_dataset_is_split_by_the_parts_its_pictures_show(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 15, shots=3))
    report = split_dataset(data, SplitOptions(val=0.2, test=0.2))
    assert report.groups == 15
    assert report.largest_group == 3
    assert report.twins == 45
    assert report.leaks_now.leaked == 0
    assert report.leaks_random.share > 0.8
    assert {name: entry.images for name, entry in report.counts.items()} == {"train": 27, "val": 9, "test": 9}
    for entry in report.counts.values():
        assert entry.ok_images > 0
        assert all(entry.instances.values())
    reread = open_dataset(data.root)
    assert splits_of(reread) == splits_of(report.dataset)
    by_part = Counter((name[:6], split) for name, split in splits_of(reread).items())
    assert len(by_part) == 15
    assert groups_of(reread)["part04_2.png"] == "part04_0.png"


def test_the_same_seed_gives_the_same_split_and_a_split_can_be_made_again(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 9, shots=2))
    first = split_dataset(data, SplitOptions(seed=3))
    again = split_dataset(first.dataset, SplitOptions(seed=3))
    assert splits_of(again.dataset) == splits_of(first.dataset)
    assert groups_of(again.dataset) == groups_of(first.dataset)


def test_given_groups_are_joined_with_what_the_pictures_show(tmp_path: Path):
    """Two lots that share one shot of a part become one group; `given` keeps them apart and says what leaks."""
    first = save(tmp_path / "a0.png", texture(0))
    second = save(tmp_path / "b0.png", expose(texture(0), 0.7))
    samples = [sample(first, (5, 5, 20, 20, 0), group="lot-a"), sample(second, (5, 5, 20, 20, 0), group="lot-b")]
    samples += [sample(save(tmp_path / f"c{i}.png", texture(10 + i)), group="lot-c") for i in range(3)]
    samples += [sample(save(tmp_path / f"d{i}.png", texture(20 + i)), group=f"d{i}") for i in range(5)]
    data = dataset(tmp_path, samples)
    joined = split_dataset(data, SplitOptions())
    assert len({groups_of(joined.dataset)[name] for name in ("a0.png", "b0.png")}) == 1
    assert len({groups_of(joined.dataset)[f"c{i}.png"] for i in range(3)}) == 1
    assert joined.groups == 7


def test_groups_from_a_csv_or_a_pattern(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 6))
    table = tmp_path / "lots.csv"
    names = [data.name_of(s) for s in data.samples]
    table.write_text("image,group\n" + "\n".join(f"{name},lot{i // 2}" for i, name in enumerate(names)), "utf-8")
    assert split_dataset(data, SplitOptions(group=str(table))).groups == 3
    by_pattern = split_dataset(data, SplitOptions(group=r"part\d(\d)_"))
    assert by_pattern.groups == 6


def test_too_few_groups_are_refused_in_words(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 1, shots=4))
    before = (data.root / "dataset.yaml").read_bytes()
    with pytest.raises(DatasetError, match=r"1 group of 4 images cannot fill 2 splits \(train, val\)"):
        split_dataset(data, SplitOptions())
    assert (data.root / "dataset.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SplitOptions(val=0, test=0), "nothing to hold out"),
        (SplitOptions(val=0.5, test=0.5), "nothing is left to train on"),
        (SplitOptions(val=-0.1), "--val -0.1"),
        (SplitOptions(val=1.5), "--val 1.5"),
    ],
)
def test_impossible_shares(tmp_path: Path, options, words):
    data = dataset(tmp_path, parts(tmp_path, 2))
    with pytest.raises(InputError, match=words):
        split_dataset(data, options)


def test_a_class_in_one_group_is_noted(tmp_path: Path):
    samples = parts(tmp_path, 9)
    samples.append(sample(save(tmp_path / "rare.png", texture(77)), (4, 4, 20, 20, 1)))
    rest = [s for s in samples[:-1] if 1 not in s.truth.class_id]
    report = split_dataset(dataset(tmp_path, [*rest, samples[-1]]), SplitOptions())
    assert any("pit: only 1 group" in note for note in report.notes)


def test_the_report_tells_counts_and_leaks(tmp_path: Path):
    report = split_dataset(dataset(tmp_path, parts(tmp_path, 9, shots=2)), SplitOptions())
    text = report_text(report)
    assert "train" in text
    assert "beside a twin in train" in text
    assert "this one 0" in text
    facts = report_dict(report)
    assert facts["leaked"]["leaked"] == 0
    assert facts["splits"]["val"]["images"] + facts["splits"]["train"]["images"] == 18


def test_merging_keeps_the_first_name():
    pair = Duplicates(("a", "b", "c"), (Pair("b", "c", Kind.PLACE),), (("b", "c"),))
    assert merge_groups({"a": "x", "b": "x", "c": "z"}, pair) == {"a": "x", "b": "x", "c": "x"}


def test_leaks_are_counted_by_picture_and_by_name():
    names = ("a", "b", "c", "d")
    graph = TwinGraph.build(
        Duplicates(names, (Pair("a", "b", Kind.PLACE),), (("a", "b"),)),
        {"a": "1", "b": "2", "c": "3", "d": "3"},
        [True, False, False, True],
    )
    assert graph.with_twin.tolist() == [True] * 4
    train, held_out = np.array([True, False, True, False]), np.array([False, True, False, True])
    count = graph.leaks(train, held_out)
    assert (count.held_out, count.leaked, count.defect_held_out, count.defect_leaked) == (2, 2, 1, 1)
    together = graph.leaks(np.array([True, True, False, False]), np.array([False, False, True, True]))
    assert together.leaked == 0
    assert together.share == 0


def test_no_twin_no_leak(tmp_path: Path):
    report = split_dataset(dataset(tmp_path, parts(tmp_path, 8)), SplitOptions(val=0.25))
    assert report.twins == 0
    assert "nothing could leak" in report_text(report)
