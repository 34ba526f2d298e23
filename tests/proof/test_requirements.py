from __future__ import annotations

from pathlib import Path

import pytest

from lineproof.errors import SettingsError
from lineproof.proof.requirements import Requirements, Shown, answer, confidences
from lineproof.settings import load_settings, parse_settings

FILES = sorted((Path(__file__).parents[2] / "configs/acceptance").glob("*.yaml"))


def shown(**changes) -> Shown:
    facts = {
        "escape_upper": {0.95: 0.0099},
        "overkill_upper": {0.95: 0.02},
        "review": 0.01,
        "a90_95": {"": 12.0, "crack": 30.0, "dent": None},
        "unit": "px",
        "effectiveness": 0.92,
        "kappa": 0.8,
        "latency_p99_ms": 40.0,
        "looks": 1,
    }
    return Shown(**(facts | changes))


def asked(**requirements) -> Requirements:
    return parse_settings(requirements, Requirements, "acceptance.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_can_be_read_and_answered(path):
    answers = answer(load_settings(path, Requirements), shown(escape_upper={0.95: 0.01}, overkill_upper={0.95: 0.02}))
    assert answers
    assert all(row.met for row in answers)


@pytest.mark.parametrize(
    ("requirements", "change", "line"),
    [
        ({"escape": {"at_most": 0.01}}, {}, "met      escape ≤ 0.01 with 95 % confidence: bound 0.99%"),
        ({"escape": {"at_most": 0.005}}, {}, "NOT MET  escape ≤ 0.005 with 95 % confidence: bound 0.99%"),
        (
            {"overkill": {"at_most": 0.05}},
            {"overkill_upper": {0.95: None}},
            "NOT MET  overkill ≤ 0.05 with 95 % confidence: cannot be estimated: no such part",
        ),
        ({"review": 0.02}, {}, "met      sent to a person ≤ 2.00%: 1.00%"),
        ({"review": 0.02}, {"review": None}, "NOT MET  sent to a person ≤ 2.00%: no part was inspected"),
        ({"detects": {"at_most": 15}}, {}, "met      all defects: a90/95 ≤ 15 px: 12 px"),
        ({"detects": {"at_most": 15, "classes": ["crack"]}}, {}, "NOT MET  crack: a90/95 ≤ 15 px: 30 px"),
        ({"detects": {"at_most": 15, "classes": ["dent"]}}, {}, "NOT MET  dent: a90/95 ≤ 15 px: not demonstrated"),
        ({"detects": {"at_most": 15, "classes": ["odd"]}}, {}, "NOT MET  odd: a90/95 ≤ 15 px: not demonstrated"),
        (
            {"detects": {"at_most": 1, "unit": "mm"}},
            {},
            "NOT MET  all defects: a90/95 ≤ 1 mm: sizes are known in px only: give --mm-per-px",
        ),
        ({"latency_p99_ms": 30}, {}, "NOT MET  p99 latency ≤ 30.0 ms: 40.0 ms"),
        ({"looks": 1}, {"looks": 3}, "NOT MET  test parts opened ≤ 1 times: 3 times"),
    ],
)
def test_one_line_for_each_requirement(requirements, change, line):
    (row,) = answer(asked(**requirements), shown(**change))
    assert str(row) == line


def test_agreement_needs_a_study():
    both = answer(asked(agreement={}), shown(effectiveness=None, kappa=None))
    assert [(row.met, row.shown) for row in both] == [(False, "no study given: --study")] * 2
    assert all(row.met for row in answer(asked(agreement={}), shown()))


def test_bounds_are_asked_for_at_the_confidences_required():
    assert confidences(None) == set()
    assert confidences(asked(escape={"at_most": 0.1, "confidence": 0.9}, overkill={"at_most": 0.1})) == {0.9, 0.95}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({}, "requires nothing"),
        ({"escape": {"at_most": 0}}, "escape.at_most"),
        ({"escape": {"atmost": 0.1}}, "did you mean 'at_most'"),
        ({"detects": {"at_most": 1, "unit": "cm"}}, "detects.unit"),
        ({"looks": 0}, "looks"),
    ],
)
def test_a_wrong_file_is_refused(text, words):
    with pytest.raises(SettingsError, match=words):
        asked(**text)
