"""Known answers: Wald's test at 0.2 % against 1 % with risks of 5 %, computed from his formulas."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.errors import InputError
from lineproof.proof.counts.sequential import Conclusion, LoggedPart, SequentialTest, follow, read_log

TEST = SequentialTest(0.002, 0.01)


def test_boundaries_and_steps():
    assert TEST.reject_at == pytest.approx(2.944439, abs=0.51e-6)
    assert TEST.accept_at == pytest.approx(-2.944439, abs=0.51e-6)
    assert TEST.per_miss == pytest.approx(1.609438, abs=0.51e-6)
    assert TEST.per_hit == pytest.approx(-0.00804833, abs=0.51e-8)


def test_without_a_miss_it_accepts_after_366_parts():
    assert TEST.start().more_to_accept == 366
    state = follow(TEST, [False] * 365)
    assert (state.conclusion, state.more_to_accept) == (Conclusion.GO_ON, 1)
    assert state.after(missed=False).conclusion is Conclusion.ACCEPT
    assert follow(TEST, [False] * 1000).parts == 366


def test_misses_reject():
    state = TEST.start()
    assert state.misses_to_reject == 2
    state = state.after(missed=True)
    assert (state.conclusion, state.misses_to_reject) == (Conclusion.GO_ON, 1)
    state = state.after(missed=True)
    assert (state.conclusion, state.misses_to_reject) == (Conclusion.REJECT, 0)


def test_the_end_is_the_end():
    rejected = follow(TEST, [True, True, *[False] * 5000])
    assert (rejected.conclusion, rejected.parts) == (Conclusion.REJECT, 2)
    with pytest.raises(ValueError, match="the test ended with reject after 2 parts"):
        rejected.after(missed=False)


def test_a_state_never_changes():
    start = TEST.start()
    start.after(missed=True)
    assert (start.parts, start.misses) == (0, 0)
    with pytest.raises(FrozenInstanceError):
        start.parts = 5


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from([TEST, SequentialTest(0.01, 0.05, 0.1, 0.02), SequentialTest(0.2, 0.5, 0.01, 0.3)]),
    st.floats(0, 0.3),
    st.integers(0, 2**32),
)
def test_conclusions_are_those_of_the_log_ratio(test, rate, seed):
    state = test.start()
    for missed in np.random.default_rng(seed).random(600) < rate:
        if state.conclusion is not Conclusion.GO_ON:
            break
        assert test.accept_at < state.log_ratio < test.reject_at
        state = state.after(missed=bool(missed))
        want = state.misses * log(test.bad / test.good)
        want += (state.parts - state.misses) * log((1 - test.bad) / (1 - test.good))
        assert state.log_ratio == pytest.approx(want)
    if state.conclusion is Conclusion.ACCEPT:
        assert state.log_ratio <= test.accept_at + 1e-9
    elif state.conclusion is Conclusion.REJECT:
        assert state.log_ratio >= test.reject_at - 1e-9


def part_by_part(test, rate, parts):
    """Chance of acceptance by walking every part and every number of misses."""
    misses = np.arange(900)
    chance = (misses == 0).astype(float)
    accepted = 0.0
    for n in range(1, parts):
        chance = chance * (1 - rate) + np.concatenate([[0], chance[:-1]]) * rate
        ratio = misses * test.per_miss + (n - misses) * test.per_hit
        accepted += chance[ratio <= test.accept_at].sum()
        chance[(ratio <= test.accept_at) | (ratio >= test.reject_at)] = 0
    return accepted


@pytest.mark.parametrize(
    ("test", "rate"),
    [(TEST, 0.01), (TEST, 0.002), (TEST, 0.004), (SequentialTest(0.02, 0.1, 0.02, 0.1), 0.05)],
)
def test_the_chance_of_acceptance_is_exact(test, rate):
    assert test.chance_of_acceptance(rate) == pytest.approx(part_by_part(test, rate, 16_000), abs=1e-9)


def test_walds_formulas_promise_a_little_too_much():
    """A system that misses 1 % is accepted 5.1 times in 100, which is why the exact figure is printed."""
    assert TEST.chance_of_acceptance(0.01) == pytest.approx(0.05102, abs=0.51e-5)
    assert 1 - TEST.chance_of_acceptance(0.002) == pytest.approx(0.02922, abs=0.51e-5)
    assert TEST.chance_of_acceptance(0) == pytest.approx(1)
    assert TEST.chance_of_acceptance(1) == 0


@settings(deadline=None, max_examples=20)
@given(st.floats(0.001, 0.1), st.floats(2, 6), st.floats(0.01, 0.2), st.floats(0.01, 0.2))
def test_the_sum_of_the_risks_is_kept(good, ratio, alpha, beta):
    test = SequentialTest(good, good * ratio, alpha, beta)
    wrong = (1 - test.chance_of_acceptance(test.good)) + test.chance_of_acceptance(test.bad)
    assert wrong <= alpha + beta + 1e-9  # Wald 1945


def test_json():
    assert TEST.start().as_dict()["conclusion"] == "go on"
    assert TEST.start().as_dict()["more_to_accept"] == 366
    ended = follow(TEST, [True, True]).as_dict()
    assert (ended["conclusion"], ended["more_to_accept"], ended["misses_to_reject"]) == ("reject", None, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.01, 0.01), "expected 0 < good < bad < 1, got good 0.01 and bad 0.01"),
        ((0, 0.01), "expected 0 < good"),
        ((0.1, 1), "expected 0 < good"),
        ((0.002, 0.01, 0, 0.05), "risks above 0 with a sum below 1"),
        ((0.002, 0.01, 0.5, 0.5), "risks above 0 with a sum below 1"),
    ],
)
def test_impossible_tests_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        SequentialTest(*arguments)


@pytest.fixture
def log_file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "log.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_logs_as_people_write_them(log_file):
    want = (LoggedPart("a", False), LoggedPart("b", True))
    assert read_log(log_file("part,missed\na,0\nb,1\n")) == want
    assert read_log(log_file("\ufeffPart; Missed ;by\r\na;No;Ann\r\nb; YES;Bob\r\n")) == want
    assert read_log(log_file("missed,part\nfalse,a\ntrue,b")) == want
    assert read_log(log_file("part,missed\n")) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("part,escaped\na,0\n", r"line 1: 0 columns 'missed', expected 1 – first line: part,missed"),
        ("part,missed,missed\na,0,1\n", r"line 1: 2 columns 'missed', expected 1"),
        ("part,missed\na,0\n,0\n", r"line 3: part is empty"),
        ("part,missed\na,0\nb,PASS\n", r"line 3: missed is 'pass' – 1 for a bad part that passed"),
        ("part,missed\na,0\nb", r"line 3: 1 columns, expected 2"),  # torn while being written
        ("part,missed\na,0\nb,0\na,0\n", r"line 4: part 'a' is on line 2 already – a part counts once"),
        ("part,missed\n" + "x" * 200_000 + ",0\n", r"line 2: no CSV \(field larger than"),
    ],
)
def test_bad_logs_name_the_line(log_file, text, words):
    with pytest.raises(InputError, match=r"log\.csv, " + words):
        read_log(log_file(text))


def test_files_that_are_no_log(log_file, tmp_path):
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_log(log_file("part,missed\n\u00e4,0\n", "utf-16"))
    with pytest.raises(InputError, match=r"log\.csv: empty – first line: part,missed"):
        read_log(log_file(""))
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_log(tmp_path / "none.csv")
