import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats import inter_rater

from lineproof.proof.agreement.kappa import Kappa, cohen_kappa, fleiss_kappa

# rows 0 0 0 0 14 …: 10 subjects, 14 raters, 5 categories (the worked example of Wikipedia's "Fleiss' kappa")
WIKIPEDIA = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]

tables = st.lists(st.integers(0, 60), min_size=4, max_size=4).map(lambda cells: np.reshape(cells, (2, 2)))


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ([[44, 6], [3, 97]], 0.86294),  # AIAG MSA, 4th edition, A × B: printed .86
        ([[43, 7], [8, 92]], 0.7761),  # A × C: .78
        ([[42, 5], [9, 94]], 0.7880),  # B × C: .79
        ([[45, 5], [3, 97]], 0.8788),  # A with reference: .88
        ([[45, 2], [3, 100]], 0.9230),  # B: .92
        ([[42, 9], [6, 93]], 0.7740),  # C: .77
        ([[20, 5], [10, 15]], 0.4000),  # Cohen's textbook example
        ([[45, 15], [25, 15]], 0.13043),  # the pair that shows how κ hangs on the margins
        ([[25, 35], [5, 35]], 0.25926),
    ],
)
def test_published_values(table, value):
    digits = 5 if len(f"{value}") > 6 else 4
    assert round(cohen_kappa(table).value, digits) == value


def test_published_parts_and_errors():
    kappa = cohen_kappa([[44, 6], [3, 97]])
    assert kappa.agreement == pytest.approx(0.94)
    assert round(kappa.chance, 5) == 0.56222
    assert round(kappa.se, 5) == 0.04420
    assert round(cohen_kappa([[20, 5], [10, 15]]).se, 4) == 0.1270


@given(tables)
def test_cohen_agrees_with_statsmodels(table):
    assume(table.sum() > 0 and max(table[0, 0], table[1, 1]) < table.sum())
    ours = cohen_kappa(table)
    with np.errstate(all="ignore"):  # theirs divides by an error of 0
        theirs = inter_rater.cohens_kappa(table)
    assert ours.value == pytest.approx(theirs.kappa, abs=1e-12)
    if ours.se is None:
        assert theirs.var_kappa == pytest.approx(0, abs=1e-12)
    else:
        assert ours.se == pytest.approx(theirs.std_kappa, rel=1e-6)


@given(tables)
def test_the_interval_holds_the_value_and_stays_in_its_bounds(table):
    assume(table.sum() > 0 and max(table[0, 0], table[1, 1]) < table.sum())
    kappa = cohen_kappa(table)
    assert -1 <= kappa.interval.low <= kappa.value <= kappa.interval.high <= 1
    assert kappa.interval.high - kappa.interval.low > 0
    assert cohen_kappa(table.T).interval == pytest.approx(kappa.interval)  # neither judge comes first
    assert cohen_kappa(table[::-1, ::-1]).interval == pytest.approx(kappa.interval)  # nor does a verdict


@given(tables, st.integers(2, 9))
def test_more_of_the_same_is_more_certain_unless_the_parts_are_the_same(table, times):
    assume(table.sum() > 0 and max(table[0, 0], table[1, 1]) < table.sum())
    once, more = cohen_kappa(table), cohen_kappa(table * times)
    assert once.interval.low <= more.interval.low + 1e-8
    assert more.interval.high <= once.interval.high + 1e-8
    same_parts = cohen_kappa(table * times, independent=int(table.sum()))
    assert same_parts.interval == pytest.approx(once.interval)


def test_with_even_margins_the_interval_is_that_of_donner_and_eliasziw():
    """Both variances are 1 − κ² there, so the bounds solve n (κ̂ − κ)² = z² (1 − κ²)."""
    value, n, z2 = 0.8, 100, norm.ppf(0.975) ** 2
    roots = sorted(np.roots([n + z2, -2 * n * value, n * value**2 - z2]).real)
    assert cohen_kappa([[45, 5], [5, 45]]).interval == pytest.approx(roots, abs=1e-8)


def test_full_agreement_is_no_certainty():
    """κ ± z·se would be 1 to 1."""
    kappa = cohen_kappa([[16, 0], [0, 34]])
    assert (kappa.value, kappa.se) == (1.0, None)
    assert kappa.interval.high == 1.0
    assert 0.8 < kappa.interval.low < 0.95
    assert cohen_kappa([[1, 0], [0, 1]]).interval.low < 0


def test_full_disagreement():
    kappa = cohen_kappa([[0, 25], [25, 0]])
    assert kappa.value == pytest.approx(-1)
    assert kappa.interval.low == pytest.approx(-1)
    assert -0.95 < kappa.interval.high < 0


def test_one_verdict_only_demonstrates_nothing():
    for table in ([[7, 0], [0, 0]], [[0, 0], [0, 7]]):
        kappa = cohen_kappa(table)
        assert (kappa.value, kappa.se, kappa.interval) == (None, None, None)
        assert "not demonstrated" in str(kappa)
        assert kappa.as_dict()["kappa"] is None


def test_a_judge_with_one_verdict_agrees_by_chance_and_no_error_is_claimed():
    kappa = cohen_kappa([[0, 0], [16, 34]])
    assert kappa.value == pytest.approx(0)
    assert kappa.se is None
    assert kappa.interval.low < -0.1
    assert kappa.interval.high > 0.2


@pytest.mark.parametrize(
    ("value", "margin", "bias"),
    [
        *((value, margin, 0.0) for value in (0.0, 0.6, 0.9, 0.97) for margin in (0.5, 0.3, 0.12)),
        *((value, 0.3, 0.03) for value in (0.0, 0.8)),  # judges who differ in how often they reject
    ],
)
@pytest.mark.parametrize("parts", [50, 150])
def test_the_interval_keeps_its_promise(value, margin, bias, parts):
    """95 % intervals of 600 drawn studies; κ ± z·se covers 26 % to 96 % of them."""
    first, second = margin + bias, margin - bias
    chance = first * second + (1 - first) * (1 - second)
    both = (chance + value * (1 - chance) + first + second - 1) / 2
    cells = [both, first - both, second - both, 1 - first - second + both]
    drawn = np.random.default_rng(0).multinomial(parts, cells, 600)
    held = low_held = studies = 0
    for table, times in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        interval = cohen_kappa(table.reshape(2, 2)).interval
        if interval is not None:
            studies += times
            held += times * (interval.low <= value <= interval.high)
            low_held += times * (interval.low <= value)
    assert held / studies > 0.925
    assert low_held / studies > (0.965 if value else 0.94)  # what a promise of agreement rests on


@pytest.mark.parametrize(
    ("table", "independent", "message"),
    [
        ([[1, 2, 3]], None, "expected counts"),
        ([[1, -2], [3, 4]], None, "expected counts"),
        ([[1, np.nan], [3, 4]], None, "expected counts"),
        ([[0, 0], [0, 0]], None, "nothing was judged"),
        ([[1, 2], [3, 4]], 11, r"expected 1\.\.10, got 11"),
    ],
)
def test_what_is_no_table(table, independent, message):
    with pytest.raises(ValueError, match=message):
        cohen_kappa(table, independent=independent)


def test_fleiss_published():
    kappa = fleiss_kappa(WIKIPEDIA)
    assert round(kappa.agreement, 6) == 0.378022
    assert round(kappa.chance, 6) == 0.212755
    assert round(kappa.value, 6) == 0.209931


@settings(max_examples=60)
@given(st.integers(2, 6), st.integers(2, 30), st.integers(2, 5), st.integers(0, 10_000))
def test_fleiss_agrees_with_statsmodels(judges, parts, categories, seed):
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(judges, rng.dirichlet(np.ones(categories)), parts)
    assume(np.count_nonzero(counts.sum(axis=0)) > 1)
    assert fleiss_kappa(counts).value == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-12)


def test_the_error_of_fleiss_is_that_of_leaving_parts_out():
    """The jackknife over parts is another road to the same figure, the nearer the more parts."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 200)
    verdicts = np.where(rng.random((200, 6)) < 0.85, truth[:, None], 1 - truth[:, None])
    counts = np.stack([verdicts.sum(axis=1), 6 - verdicts.sum(axis=1)], axis=1)
    left_out = np.array([fleiss_kappa(np.delete(counts, i, axis=0)).value for i in range(200)])
    jackknife = np.sqrt(199 / 200 * ((left_out - left_out.mean()) ** 2).sum())
    assert fleiss_kappa(counts).se == pytest.approx(jackknife, rel=0.01)


def test_fleiss_where_nothing_is_demonstrated():
    assert fleiss_kappa([[3, 0], [3, 0]]).value is None
    assert fleiss_kappa([[3, 0], [0, 3]]).se is None  # they always agree: 0 would claim certainty
    assert fleiss_kappa([[2, 1]]) == Kappa(pytest.approx(1 / 3), pytest.approx(5 / 9), pytest.approx(-0.5), None, None)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], r"expected \(parts, categories\)"),
        ([[1, -1]], r"expected \(parts, categories\)"),
        ([[1, 0], [0, 1]], "same number of judges"),
        ([[2, 0], [2, 1]], "same number of judges"),
    ],
)
def test_what_is_no_table_of_many_judges(counts, message):
    with pytest.raises(ValueError, match=message):
        fleiss_kappa(counts)
