"""What `lineproof train --task classify` accepts."""

from __future__ import annotations

import pytest

from lineproof.cli.train_classify import check_options
from lineproof.errors import InputError

NOTHING = {
    "recipe": None,
    "epochs": None,
    "batch": None,
    "seed": None,
    "resume": False,
    "device": "auto",
    "head": None,
    "one_class": False,
}


@pytest.mark.parametrize("task", [None, "detect", "classify"])
def test_nothing_said_is_fine(task):
    check_options(task, NOTHING)


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ({"recipe": "quick"}, "--recipe"),
        ({"epochs": 3}, "--epochs"),
        ({"batch": 3}, "--batch"),
        ({"seed": 3}, "--seed"),
        ({"resume": True}, "--resume"),
        ({"device": "cuda"}, "--device"),
    ],
)
def test_options_of_training_are_refused(said, option):
    with pytest.raises(InputError, match=f"drop {option}"):
        check_options("classify", {**NOTHING, **said})


@pytest.mark.parametrize(("said", "option"), [({"head": "knn"}, "--head"), ({"one_class": True}, "--one-class")])
def test_options_of_classifiers_are_refused_elsewhere(said, option):
    check_options("classify", {**NOTHING, **said})
    with pytest.raises(InputError, match=f"{option}: only with --task classify"):
        check_options("detect", {**NOTHING, **said})
