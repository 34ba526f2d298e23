"""Known answers and properties of the distance between two sets, on drawn points instead of features."""

import numpy as np
import pytest

from lineproof.data.gap import Side, measure_gap
from lineproof.data.gap.energy import energy_test
from lineproof.data.gap.facts import MEASURES
from lineproof.data.gap.outside import find_outside
from lineproof.data.gap.separation import auc, separation_auc
from lineproof.data.gap.space import Space, distances
from lineproof.errors import InputError


def points(seed: int, count: int, dimension: int = 64, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimension)) + shift


def alone(count: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{row}" for row in range(count)]


def test_p_is_uniform_when_there_is_no_difference():
    found = [
        energy_test(points(2 * s, 12), points(2 * s + 1, 16), alone(12), alone(16), permutations=199, seed=s).p
        for s in range(200)
    ]
    # Of 200 draws, a true uniform has 4..17 (10 expected) at 0.05 or below and 83..117 (100) at 0.5, each with 98 %.
    assert 3 <= (np.array(found) <= 0.05).sum() <= 18
    assert 80 <= (np.array(found) <= 0.5).sum() <= 120


def test_p_stays_uniform_when_the_shots_of_a_part_are_alike():
    """Six parts of five nearly identical shots each on either side; counted one by one, 60 images would shout."""
    honest, naive = [], []
    for seed in range(100):
        a, b = (
            np.repeat(points(2 * seed + i, 6, 16), 5, axis=0) + 0.05 * points(1000 + 2 * seed + i, 30, 16)
            for i in (0, 1)
        )
        parts = np.repeat(np.arange(6), 5).astype(str).tolist()
        honest.append(energy_test(a, b, parts, parts, permutations=99, seed=seed).p)
        naive.append(energy_test(a, b, alone(30), alone(30), permutations=99, seed=seed).p)
    assert (np.array(naive) <= 0.05).mean() > 0.9
    assert (np.array(honest) <= 0.05).mean() <= 0.12


def test_copies_of_images_in_their_groups_change_nothing():
    a, b = points(0, 10), points(1, 14, shift=0.2)
    once = energy_test(a, b, alone(10), alone(14))
    many = energy_test(np.repeat(a, 4, axis=0), b, np.repeat(alone(10), 4).tolist(), alone(14))
    assert many.distance == pytest.approx(once.distance, abs=1e-9)
    assert many.p == once.p


def test_a_small_shift_in_every_feature_is_found_with_few_images():
    found = energy_test(points(0, 15), points(1, 15, shift=0.5), alone(15), alone(15))
    assert found.p <= 0.01
    assert found.distance > 0.05


def test_a_difference_in_spread_alone_is_found():
    assert energy_test(points(0, 30), 1.5 * points(1, 30), alone(30), alone(30)).p <= 0.01


def test_two_sets_at_two_points_are_at_distance_one():
    a, b = np.zeros((5, 3)), np.ones((5, 3))
    found = energy_test(a, b, alone(5), alone(5))
    assert found.distance == pytest.approx(1)
    assert found.smallest_p == pytest.approx(1 / 126)  # ten choose five, halves exchanged are one
    assert found.p == pytest.approx(1 / 126, abs=0.01)


def test_the_energy_distance_against_the_definition():
    a, b = points(3, 7, 5), points(4, 9, 5, shift=0.3)
    inside_a = distances(a, a).sum() / (7 * 6)
    inside_b = distances(b, b).sum() / (9 * 8)
    across = distances(a, b).mean()
    expected = (2 * across - inside_a - inside_b) / (2 * across)
    assert energy_test(a, b, alone(7), alone(9), permutations=200).distance == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("size", [20, 29])
def test_exchanging_the_sets_changes_nothing(size):
    a, b = side(0, 20, "a"), side(1, size, "b", shift=0.1)
    one, other = measure_gap(a, b), measure_gap(b, a)
    assert one.test.p == other.test.p
    assert one.test.distance == pytest.approx(other.test.distance)
    assert one.auc == pytest.approx(other.auc)
    assert [fact.p for fact in one.facts] == pytest.approx([fact.p for fact in other.facts], abs=0.2)


def test_auc_of_known_orders():
    assert auc(np.array([1.0, 2]), np.array([3.0, 4])) == 1
    assert auc(np.array([3.0, 4]), np.array([1.0, 2])) == 0
    assert auc(np.array([1.0, 1]), np.array([1.0, 1])) == 0.5
    assert auc(np.array([1.0, 3]), np.array([2.0])) == 0.5


def test_a_classifier_cannot_tell_one_source_and_can_tell_two():
    same = [separation_auc(points(2 * s, 40), points(2 * s + 1, 40), alone(40, "a"), alone(40, "b")) for s in range(20)]
    assert 0.42 < np.mean(same) < 0.58
    assert separation_auc(points(0, 40), points(1, 40, shift=1), alone(40, "a"), alone(40, "b")) > 0.97


def test_a_part_held_out_on_one_side_is_held_out_on_the_other():
    """The same 30 parts on both sides, 0.01 apart: whoever learnt a part's other shot would call it by the wrong side."""
    parts = points(0, 30, 20)
    same = separation_auc(parts, parts + 0.01 * points(1, 30, 20), alone(30), alone(30))
    assert 0.3 < same < 0.7


def test_an_image_far_away_lies_outside_and_its_nearest_is_named():
    a = points(0, 200, 8)
    b = np.concatenate([points(1, 300, 8), a[17:18] + 30])
    found = find_outside(a, b, alone(200))
    assert found.rows[0] == 300
    assert found.ratio[300] > 5
    assert len(found.rows) <= 16  # 3 of 300 would by chance
    assert found.nearest[300] == distances(b[300:], a).argmin()


def test_twins_in_a_group_do_not_make_an_odd_part_ordinary():
    odd = np.full((6, 4), 50.0) + 0.01 * points(1, 6, 4)
    a, groups = np.concatenate([points(0, 60, 4), odd]), [*alone(60), *["odd"] * 6]
    limit = find_outside(a, a[:1], groups).limit
    assert limit > 50  # the odd part sets it, as no other part is near


def test_features_that_never_change_are_silent():
    features = np.concatenate([points(0, 20, 3), np.full((20, 1), 7.0)], axis=1)
    space = Space.fit(features)
    moved = features.copy()
    moved[:, 3] += 1000
    assert space.project(moved) == pytest.approx(space.project(features))


def test_flat_features_alone_give_distances_of_zero():
    flat = np.ones((10, 4))
    assert distances(*[Space.fit(flat).project(flat)] * 2).max() == 0


def side(seed: int, count: int, prefix: str, shift: float = 0.0, groups: int | None = None) -> Side:
    facts = np.random.default_rng(seed + 50).normal(100, 5, (count, len(MEASURES)))
    names = alone(count, prefix) if groups is None else [f"{prefix}{row % groups}" for row in range(count)]
    return Side(prefix, points(seed, count, shift=shift).astype(np.float32), facts, names)


@pytest.mark.parametrize(
    ("small", "words"), [(side(0, 7, "few"), "few: 7 images, too few"), (side(0, 20, "one", groups=3), "only 3 parts")]
)
def test_too_few_to_say_anything(small, words):
    with pytest.raises(InputError, match=words):
        measure_gap(small, side(1, 20, "b"))
    with pytest.raises(InputError, match=words):
        measure_gap(side(1, 20, "b"), small)


def test_features_of_one_direction_still_have_a_plane():
    line = np.linspace(0, 1, 20)[:, None] * np.ones((1, 6))
    a, b = side(0, 20, "a"), side(1, 20, "b")
    gap = measure_gap(
        Side("a", line.astype(np.float32), a.facts, a.groups), Side("b", line.astype(np.float32), b.facts, b.groups)
    )
    assert gap.plane_a.shape == gap.plane_b.shape == (20, 2)
