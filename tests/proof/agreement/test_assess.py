import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiag_study import aiag_study
from lineproof.errors import InputError
from lineproof.proof.agreement.assess import Grade, assess, kappa_word
from lineproof.proof.agreement.kappa import cohen_kappa
from lineproof.proof.agreement.study import Study

AIAG = assess(aiag_study())


def made(rejected, bad, names=("A", "machine")):
    """A study from `(appraisers, parts, trials)`."""
    rejected = np.array(rejected, np.bool_)
    return Study(
        tuple(f"P{i}" for i in range(rejected.shape[1])), names[: len(rejected)], rejected, np.array(bad, np.bool_)
    )


@pytest.mark.parametrize(
    ("index", "right", "miss", "false_alarm", "kappa"),
    [  # AIAG MSA, 4th edition: effectiveness 84/90/80 %, miss 6.3/6.3/12.5 %, false alarm 4.9/2.0/8.8 %
        (0, 42, (3, 6.25), (5, 4.90), 0.8788),
        (1, 45, (3, 6.25), (2, 1.96), 0.9230),
        (2, 40, (6, 12.5), (9, 8.82), 0.7740),
    ],
)
def test_aiag_appraisers(index, right, miss, false_alarm, kappa):
    appraiser = AIAG.appraisers[index]
    assert (appraiser.effectiveness.rate.count, appraiser.effectiveness.rate.of) == (right, 50)
    assert (appraiser.repeatability.count, appraiser.repeatability.of) == (right, 50)
    assert (appraiser.miss.rate.count, appraiser.miss.rate.of) == (miss[0], 48)
    assert round(100 * appraiser.miss.rate.value, 2) == miss[1]
    assert (appraiser.false_alarm.rate.count, appraiser.false_alarm.rate.of) == (false_alarm[0], 102)
    assert round(100 * appraiser.false_alarm.rate.value, 2) == false_alarm[1]
    assert round(appraiser.kappa.value, 4) == kappa


@pytest.mark.parametrize(
    ("rate", "low", "high"),
    [  # the exact bounds that AIAG prints as 71/93, 78/97, 66/90 and 64/89 %
        (AIAG.appraisers[0].effectiveness.rate, 0.7089, 0.9283),
        (AIAG.appraisers[1].effectiveness.rate, 0.7819, 0.9667),
        (AIAG.appraisers[2].effectiveness.rate, 0.6628, 0.8997),
        (AIAG.system, 0.6404, 0.8847),
    ],
)
def test_aiag_bounds(rate, low, high):
    assert tuple(rate.interval) == pytest.approx((low, high), abs=5e-5)


def test_aiag_together():
    assert {(p.first, p.second): round(p.kappa.value, 4) for p in AIAG.pairs} == {
        ("A", "B"): 0.8629,
        ("A", "C"): 0.7761,
        ("B", "C"): 0.7880,
    }
    assert (AIAG.between.count, AIAG.system.count) == (39, 39)
    assert (AIAG.parts, AIAG.bad_parts, AIAG.trials) == (50, 16, 3)
    assert 0.7 < AIAG.fleiss.value < 0.9


def test_aiag_grades_and_what_is_shown_of_them():
    grades = [(a.effectiveness.grade, a.miss.grade, a.false_alarm.grade) for a in AIAG.appraisers]
    assert grades == [
        (Grade.MARGINAL, Grade.UNACCEPTABLE, Grade.ACCEPTABLE),
        (Grade.ACCEPTABLE, Grade.UNACCEPTABLE, Grade.ACCEPTABLE),
        (Grade.MARGINAL, Grade.UNACCEPTABLE, Grade.MARGINAL),
    ]
    assert {a.effectiveness.shown for a in AIAG.appraisers} == {Grade.UNACCEPTABLE}  # 78 % is B's lower bound
    assert [kappa_word(a.kappa) for a in AIAG.appraisers] == ["good"] * 3


def test_three_trials_of_a_part_are_no_three_parts():
    """The interval of κ is that of 50 verdicts, and `shown` that of the parts missed at least once."""
    a = AIAG.appraisers[0]
    assert a.kappa.interval == cohen_kappa([[45, 3], [5, 97]], independent=50).interval
    assert (a.missed_parts.count, a.missed_parts.of) == (3, 16)
    assert (a.alarmed_parts.count, a.alarmed_parts.of) == (5, 34)
    assert "count trials as independent" in AIAG.notes[0]


def test_limits_belong_to_the_better_grade():
    rejected = np.ones((1, 50, 1), np.bool_)
    rejected[0, 0] = False  # 1 of 50: 2 % missed
    result = assess(made(rejected, [True] * 50))
    assert result.appraisers[0].miss.grade is Grade.ACCEPTABLE
    assert result.appraisers[0].miss.shown is Grade.UNACCEPTABLE
    assert result.appraisers[0].effectiveness.grade is Grade.ACCEPTABLE


def test_a_machine_that_always_repeats_itself_gets_a_note():
    verdicts = [[[1, 0], [0, 0], [1, 1]], [[1, 1], [0, 0], [1, 1]]]
    study = made(verdicts, [1, 0, 1])
    note = "taken out and put in anew"
    assert any(note in line for line in assess(study, "machine").notes)
    assert any(note in line for line in assess(study, "MACHINE").notes)
    assert not any(note in line for line in assess(study, "machine", refixtured=True).notes)
    assert not any(note in line for line in assess(study, "A").notes)
    assert not any(note in line for line in assess(study).notes)
    with pytest.raises(InputError, match="appraiser 'robot': not in the study – it has A, machine"):
        assess(study, "robot")


def test_one_trial_measures_no_repeatability():
    result = assess(made([[[1], [0]], [[1], [0]]], [1, 0]))
    assert result.appraisers[0].repeatability is None
    assert "shown once" in result.notes[0]
    assert result.as_dict()["appraisers"][0]["repeatability"] is None


def test_one_appraiser_and_one_verdict():
    result = assess(made([[[1], [0]]], [1, 0]))
    assert result.between is None
    assert result.fleiss is None
    assert result.pairs == ()


def test_without_bad_parts_misses_are_not_measured():
    result = assess(made([[[0, 0], [0, 0]], [[0, 0], [0, 0]]], [0, 0]))
    first = result.appraisers[0]
    assert first.miss.grade is None
    assert first.miss.as_dict()["rate"] is None
    assert first.kappa.value is None
    assert kappa_word(first.kappa) == "not demonstrated"
    assert any("no bad part: misses cannot be measured" in note for note in result.notes)
    assert not any("false alarms cannot" in note for note in result.notes)


def test_a_machine_that_passes_everything():
    result = assess(made([[[0, 0]] * 4, [[0, 0]] * 4], [1, 1, 0, 0]), "machine")
    machine = result.appraisers[1]
    assert machine.miss.rate.value == 1
    assert machine.effectiveness.grade is Grade.UNACCEPTABLE
    assert machine.kappa.value == pytest.approx(0)
    assert kappa_word(machine.kappa) == "poor"
    assert result.between.value == 1
    assert result.system.value == 0.5


shapes = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 4), st.integers(0, 999))


@given(shapes)
def test_whatever_was_judged_the_figures_fit_together(case):
    appraisers, parts, trials, seed = case
    rng = np.random.default_rng(seed)
    bad = rng.random(parts) < 0.5
    rejected = np.where(rng.random((appraisers, parts, trials)) < 0.8, bad[:, None], ~bad[:, None])
    result = assess(made(rejected, bad, ("A", "B", "C")))
    for a in result.appraisers:
        assert result.system.count <= a.effectiveness.rate.count
        assert a.repeatability is None or a.effectiveness.rate.count <= a.repeatability.count
        assert a.miss.rate.of + a.false_alarm.rate.of == parts * trials
        assert a.missed_parts.count + a.alarmed_parts.count == parts - a.effectiveness.rate.count
        if a.miss.grade is not None:  # what is shown is never better than what was seen
            assert list(Grade).index(a.miss.shown) >= list(Grade).index(a.miss.grade)
        assert list(Grade).index(a.effectiveness.shown) >= list(Grade).index(a.effectiveness.grade)
