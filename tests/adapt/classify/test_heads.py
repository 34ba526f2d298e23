"""The classifiers themselves, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from lineproof.adapt.classify.calibration import fit_sigmoid
from lineproof.adapt.classify.classifier import fit_classifier
from lineproof.adapt.classify.folds import folds_of
from lineproof.adapt.classify.span import Span

CLASSES = ("a", "b", "c")


def clouds(count: int = 60, dimension: int = 40, *, apart: float = 3.0):
    """Features with class a along the first axis, b along the second; c is nowhere. Two images a part."""
    rng = np.random.default_rng(0)
    truth = np.stack([np.arange(count) % 4 == 0, np.arange(count) % 5 == 0, np.zeros(count, bool)], 1)
    features = rng.normal(0, 1, (count, dimension)).astype(np.float32)
    features[:, :3] += apart * truth
    return features, truth, np.array([str(i // 2) for i in range(count)])


@pytest.mark.parametrize("head", ["linear", "knn", "mlp"])
def test_every_head_finds_what_is_there_and_exports_what_it_says(head):
    features, truth, groups = clouds(dimension=8)
    classifier = fit_classifier(head, features, truth, groups, CLASSES)
    probabilities = classifier.probabilities(features)
    for column in (0, 1):
        has = truth[:, column]
        assert probabilities[has, column].mean() > probabilities[~has, column].mean() + 0.4
    assert (probabilities[:, 2] < 1e-9).all()
    module = classifier.scorer.module()
    with torch.inference_mode():
        exported = module(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(exported, classifier.scorer.scores(features.astype(float)), atol=2e-3)


def test_fit_in_the_span_is_the_fit_in_all_features():
    features, truth, _ = clouds(count=30, dimension=200)
    span = Span.of(features.astype(float))
    scaled = (features - span.mean) / span.scale
    inside = LogisticRegression(C=10, tol=1e-8, max_iter=5000).fit(span.coordinates(features), truth[:, 0])
    outside = LogisticRegression(C=10, tol=1e-8, max_iter=5000).fit(scaled, truth[:, 0])
    weight, bias = span.unfold(inside.coef_, inside.intercept_)
    assert span.axes.shape[1] <= 30
    np.testing.assert_allclose(weight * span.scale, outside.coef_, atol=1e-4)
    np.testing.assert_allclose(features @ weight.T + bias, outside.decision_function(scaled).reshape(-1, 1), atol=1e-3)


def test_span_ignores_features_that_never_change():
    features = np.random.default_rng(0).normal(0, 1, (10, 4))
    features[:, 2] = 7.0
    moved = features.copy()
    moved[:, 2] += 100
    np.testing.assert_array_equal(Span.of(features).coordinates(features), Span.of(features).coordinates(moved))


def test_a_part_is_never_on_both_sides_of_a_fold():
    has = np.arange(40) % 3 == 0
    groups = np.array([str(i // 4) for i in range(40)])
    folds = folds_of(has, groups)
    assert len(folds) == 5
    for learn, judge in folds:
        assert not set(groups[learn]) & set(groups[judge])
        assert has[learn].any()
        assert not has[learn].all()
    assert sorted(np.concatenate([judge for _, judge in folds])) == list(range(40))


@pytest.mark.parametrize("holders", [0, 1])
def test_too_few_parts_give_no_folds(holders):
    groups = np.array([str(i) for i in range(10)])
    assert folds_of(np.arange(10) < holders, groups) == ()
    same = np.array(["one"] * 4 + [str(i) for i in range(6)])
    assert folds_of(np.arange(10) < 4, same) == ()  # four images, but one part


def test_calibrated_probabilities_are_the_shares_seen():
    rng = np.random.default_rng(0)
    has = rng.random(40000) < 0.2
    score = rng.normal(0, 1, 40000) + 2 * has  # so log odds are 2 × score - 2 + log(0.2 / 0.8)
    sigmoid = fit_sigmoid(score, has)
    assert sigmoid.slope == pytest.approx(2.0, abs=0.15)
    assert sigmoid.shift == pytest.approx(-2 + np.log(0.25), abs=0.15)


def test_few_images_claim_no_certainty():
    score, has = np.array([-1.0, -0.9, -0.8, 1.0]), np.array([False, False, False, True])
    sigmoid = fit_sigmoid(score, has)
    probability = 1 / (1 + np.exp(-(sigmoid.slope * 1.0 + sigmoid.shift)))
    assert 0.5 < probability < 0.9


@pytest.mark.parametrize("score", [np.zeros(6), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])])
def test_scores_that_say_nothing_or_the_opposite_are_not_calibrated(score):
    assert fit_sigmoid(score, np.array([False, False, False, True, True, True])) is None


def test_features_that_tell_nothing_are_warned_of():
    rng = np.random.default_rng(3)
    truth = (np.arange(40) % 2 == 0).reshape(-1, 1)
    said: list[str] = []
    features = np.tile(rng.normal(0, 1, (1, 6)), (40, 1)).astype(np.float32)
    features[:, 0] += np.where(np.arange(40) // 8 % 2 == truth[:, 0], 1, -1)
    groups = np.array([str(i // 8) for i in range(40)])
    classifier = fit_classifier("linear", features, truth, groups, ("a",), said.append)
    assert classifier.settings["calibrated"] in ([], ["a"])
    assert bool(said) == (classifier.settings["calibrated"] == [])


def test_rare_class_weighs_as_much_as_a_common_one():
    features, truth, groups = clouds(count=100, dimension=5, apart=6.0)
    truth[:, 0] = np.arange(100) < 4
    features[:, 0] = np.random.default_rng(1).normal(0, 1, 100) + 6 * truth[:, 0]
    classifier = fit_classifier("linear", features, truth, groups, CLASSES)
    score = classifier.scorer.scores(features.astype(float))[:, 0]
    assert score[:4].min() > 0 > np.quantile(score[4:], 0.9)
