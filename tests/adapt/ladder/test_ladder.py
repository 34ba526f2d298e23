"""The comparison with trials by script: who goes on, who is dropped and why, and what a second call does again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapt.ladder.scripted_trials import SPLIT_HASH, ScriptedRunner, Told, done, plan
from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.cost import Costs
from lineproof.adapt.ladder.figures import TrialResult, read_result
from lineproof.adapt.ladder.ladder import Comparison, compare
from lineproof.adapt.ladder.plan import Limits, Plan
from lineproof.adapt.ladder.processes import stopped
from lineproof.adapt.ladder.ranking import Criterion
from lineproof.adapt.ladder.report import facts, table
from lineproof.adapt.ladder.trial import failed
from lineproof.adapt.ladder.wording import sentences
from lineproof.adapt.latency import Latency
from lineproof.errors import GateError, InputError

GOOD = {"a": 0.5, "b": 0.9, "c": 0.7, "d": 0.3, "e": 0.6, "f": 0.8}
BY_MAP = Criterion(None, SPLIT_HASH)


def by_rung(spec: TrialSpec) -> float:
    return GOOD[spec.candidate.rung]


def run(
    out: Path,
    wanted: Plan,
    runner: ScriptedRunner,
    *,
    criterion: Criterion = BY_MAP,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    ms: dict[str, float] | None = None,
    told: Told | None = None,
) -> Comparison:
    def clocked(results: dict[str, TrialResult]) -> dict[str, Latency]:
        return {key: Latency((ms or {}).get(key[0], 5.0), 9.0) for key in results}

    return compare(wanted, out, criterion, limits, runner, told or Told(), clocked)


def asked(runner: ScriptedRunner) -> list[tuple[str, float, int]]:
    return [(spec.candidate.rung, spec.share, spec.seed) for spec in runner.asked]


def test_the_better_half_goes_on_until_the_whole_schedule(tmp_path: Path):
    runner = ScriptedRunner(by_rung)
    result = run(tmp_path, plan(*"abcdef", seeds=(0, 1)), runner)
    assert asked(runner) == [
        *((rung, pytest.approx(1 / 9), 0) for rung in "abcdef"),
        *((rung, pytest.approx(1 / 3), 0) for rung in "bfc"),
        *((rung, 1, seed) for seed in (0, 1) for rung in "bf"),
    ]
    assert [row.candidate.rung for row in result.rows] == ["b", "f", "c", "e", "a", "d"]
    assert [row.fate for row in result.rows] == ["ranked", "ranked", *["halved"] * 4]
    assert result.complete
    assert result.best.standing.values == (0.9, 0.9)


def test_time_saved_is_estimated_from_the_pace_of_each(tmp_path: Path):
    result = run(tmp_path, plan(*"abcdef", seeds=(0, 1)), ScriptedRunner(by_rung))
    assert result.full_s == pytest.approx(6 * 2 * (180 + 6))
    assert result.spent_s == pytest.approx(6 * 22 + 3 * 62 + 4 * 186)
    told = facts(result)["seconds"]
    assert told["saved_share"] == pytest.approx(1 - 1062 / 2232, abs=1e-3)
    assert "52% saved" in sentences(result)[-1]


def test_without_halving_everyone_is_trained_in_full(tmp_path: Path):
    runner = ScriptedRunner(by_rung)
    result = run(tmp_path, plan(*"abcd", rounds=1), runner)
    assert asked(runner) == [(rung, 1, 0) for rung in "abcd"]
    assert {row.fate for row in result.rows} == {"ranked"}
    assert result.full_s == pytest.approx(result.spent_s)
    assert not any("saved" in line for line in sentences(result))


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (plan(*"abc"), "with 3 candidates short schedules would save nothing: everyone is trained in full"),
        (plan(*"abcdef", steps=2), "the shortest schedule cannot be cut to a third: everyone is trained in full"),
    ],
)
def test_halving_that_is_not_worth_it_is_not_done_and_says_so(wanted: Plan, why: str, tmp_path: Path):
    runner, told = ScriptedRunner(by_rung), Told()
    result = run(tmp_path, wanted, runner, told=told)
    assert asked(runner) == [(candidate.rung, 1, 0) for candidate in wanted.candidates]
    assert told.said[0] == why
    assert result.complete
    assert not any("saved" in line for line in sentences(result))


@pytest.mark.parametrize("wanted", [plan(*"abcd"), plan(*"abc", rounds=1)])
def test_of_what_is_halved_or_was_asked_for_in_full_nothing_is_explained(wanted: Plan, tmp_path: Path):
    assert wanted.why_not_halved is None


def test_when_others_fail_the_last_two_go_straight_to_their_whole_schedule(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult | None:
        key = Path(spec.folder).name
        return failed(key, "out of memory", again=True) if spec.candidate.rung in "cdef" else None

    runner = ScriptedRunner(by_rung, answer)
    result = run(tmp_path, plan(*"abcdef"), runner)
    assert asked(runner)[6:] == [("b", 1, 0), ("a", 1, 0)]
    assert [row.fate for row in result.rows] == ["ranked", "ranked", *["failed"] * 4]


def test_before_the_last_round_nothing_is_clocked_unless_speed_decides(tmp_path: Path):
    result = run(tmp_path, plan(*"abcdef"), ScriptedRunner(by_rung))
    assert [row.latency is not None for row in result.rows] == [True, True, *[False] * 4]
    told = facts(result)["candidates"]
    assert told[0]["latency_ms"]["median"] == 5.0
    assert told[-1]["latency_ms"] is None
    limited = run(tmp_path / "2", plan(*"abcdef"), ScriptedRunner(by_rung), limits=Limits(latency_ms=10))
    assert all(row.latency is not None for row in limited.rows)


def test_who_was_only_put_in_order_has_no_interval_and_no_tie(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult | None:
        return stopped(Path(spec.folder).name) if spec.last else None

    result = run(tmp_path, plan(*"abcd"), ScriptedRunner(by_rung, answer))
    assert result.best.standing is not None
    assert result.best.standing.interval is None
    assert [row.behind for row in result.rows] == [None] * 4
    assert facts(result)["candidates"][0]["validation"]["low"] is None
    assert table(result).row_count == 4
    assert not any("worse by" in line or "told apart" in line for line in sentences(result))


@given(quality=st.lists(st.integers(0, 20), min_size=2, max_size=9), rounds=st.integers(1, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_halving_finds_the_best_when_short_schedules_rank_as_long_ones(
    tmp_path_factory: pytest.TempPathFactory, quality: list[int], rounds: int
):
    wanted = plan(*(f"r{i}" for i in range(len(quality))), rounds=rounds)
    runner = ScriptedRunner(lambda spec: quality[int(spec.candidate.rung[1:])] / 20)
    result = run(tmp_path_factory.mktemp("h"), wanted, runner)
    assert result.best.standing.mean == pytest.approx(max(quality) / 20)
    assert result.spent_s <= result.full_s * 1.001
    assert len(result.rows) == len(quality)


def test_finished_trials_are_not_done_again(tmp_path: Path):
    wanted = plan(*"abcd")
    first = run(tmp_path, wanted, ScriptedRunner(by_rung))
    again = ScriptedRunner(by_rung)
    told = Told()
    second = run(tmp_path, wanted, again, told=told)
    assert again.asked == []
    assert "4 of 4 trials of this round are finished already" in told.said
    assert "2 of 2 trials of this round are finished already" in told.said
    assert [row.candidate.rung for row in second.rows] == [row.candidate.rung for row in first.rows]
    assert second.spent_s == first.spent_s


def test_a_call_that_was_interrupted_goes_on_with_what_is_missing(tmp_path: Path):
    def interrupted(spec: TrialSpec) -> None:
        if spec.candidate.rung == "c":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, plan(*"abcd"), ScriptedRunner(by_rung, interrupted))
    runner = ScriptedRunner(by_rung)
    result = run(tmp_path, plan(*"abcd"), runner)
    assert asked(runner)[:2] == [("c", pytest.approx(1 / 3), 0), ("d", pytest.approx(1 / 3), 0)]
    assert result.best.candidate.rung == "b"


def test_a_failure_is_a_row_with_its_reason(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult | None:
        key = Path(spec.folder).name
        return failed(key, "training diverged in epoch 1", again=False) if spec.candidate.rung == "b" else None

    result = run(tmp_path, plan(*"abc"), ScriptedRunner(by_rung, answer))
    assert [row.candidate.rung for row in result.rows] == ["c", "a", "b"]
    assert (result.rows[-1].fate, result.rows[-1].reason) == ("failed", "training diverged in epoch 1")
    runner = ScriptedRunner(by_rung)
    run(tmp_path, plan(*"abc"), runner)
    assert runner.asked == []  # it would diverge again


def test_what_may_work_the_next_time_is_tried_again(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult | None:
        key = Path(spec.folder).name
        return failed(key, "out of memory", again=True) if spec.candidate.rung == "b" else None

    run(tmp_path, plan("a", "b", rounds=1), ScriptedRunner(by_rung, answer))
    runner = ScriptedRunner(by_rung)
    assert run(tmp_path, plan("a", "b", rounds=1), runner).best.candidate.rung == "b"
    assert asked(runner) == [("b", 1, 0)]


@pytest.mark.parametrize(
    ("failing", "best", "fate", "complete"), [("b", "c", "ranked", True), ("bc", "a", "halved", False)]
)
def test_a_failure_in_the_last_round_leaves_the_next_best(
    failing: str, best: str, fate: str, complete: bool, tmp_path: Path
):
    def answer(spec: TrialSpec) -> TrialResult | None:
        return failed("x", "out of memory", again=True) if spec.last and spec.candidate.rung in failing else None

    result = run(tmp_path, plan(*"abcd"), ScriptedRunner(by_rung, answer))
    assert (result.best.candidate.rung, result.best.fate, result.complete) == (best, fate, complete)
    assert result.rows[-1].reason == "out of memory"


def test_all_failing_is_an_answer_of_no(tmp_path: Path):
    runner = ScriptedRunner(by_rung, lambda _: failed("x", "training diverged in epoch 1", again=False))
    with pytest.raises(GateError, match="no candidate could be trained: training diverged in epoch 1"):
        run(tmp_path, plan("a", "b"), runner)


def test_the_slow_are_dropped_however_good(tmp_path: Path):
    told = Told()
    result = run(
        tmp_path, plan(*"abc"), ScriptedRunner(by_rung), limits=Limits(latency_ms=10), ms={"b": 12.5}, told=told
    )
    assert [row.candidate.rung for row in result.rows] == ["c", "a", "b"]
    assert result.rows[-1].fate == "slow"
    assert "b · yolov8n · 64 px: dropped, 12.5 ms is more than the 10 ms allowed" in told.said


def test_nobody_fast_enough_is_an_answer_of_no(tmp_path: Path):
    with pytest.raises(GateError, match=r"no candidate takes at most 1 ms: the fastest takes 5\.0 ms") as error:
        run(tmp_path, plan("a", "b"), ScriptedRunner(by_rung), limits=Limits(latency_ms=1))
    assert error.value.exit_code == 1


def test_a_classifier_cannot_be_ranked_by_map(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult | None:
        if spec.candidate.rung != "b":
            return None
        result = done(spec, 0.9)
        assert result.val is not None
        return result.model_copy(update={"val": result.val.model_copy(update={"map50_95": None})})

    result = run(tmp_path / "map", plan(*"abc"), ScriptedRunner(by_rung, answer))
    assert result.rows[-1].reason == "has no mAP50-95: rank by cost to compare it"
    costs = Criterion(Costs(10, 1, 0.1), SPLIT_HASH)
    assert (
        run(tmp_path / "cost", plan(*"abc"), ScriptedRunner(by_rung, answer), criterion=costs).best.candidate.rung
        == "b"
    )


def test_costs_rank_by_mistakes_and_say_what_no_model_costs(tmp_path: Path):
    criterion = Criterion(Costs(100, 2, 0.1), SPLIT_HASH)
    result = run(tmp_path, plan(*"abcd"), ScriptedRunner(by_rung), criterion=criterion)
    assert result.best.candidate.rung == "b"
    assert result.best.standing.mean == pytest.approx(min(10 * 0.1 + 1.8 * 0.1, 1.8))
    said = "\n".join(sentences(result))
    assert "cheapest operating point on validation: 2 of 20 bad parts pass, 2 of 20 good ones are rejected" in said
    assert "without a model: 10 per part if all pass, 1.8 if all are rejected" in said
    assert "on the test split, which chose nothing: expected cost per part 2.36" in said
    worthless = run(
        tmp_path, plan(*"abcd"), ScriptedRunner(by_rung), criterion=Criterion(Costs(1, 900, 0.001), SPLIT_HASH)
    )
    assert "no candidate is worth its inspection" in "\n".join(sentences(worthless))


def test_costs_need_both_kinds_of_parts(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult:
        result = done(spec, 0.9)
        assert result.val is not None
        found = result.val.parts.model_copy(update={"bad": (True,) * 40})
        return result.model_copy(update={"val": result.val.model_copy(update={"parts": found})})

    with pytest.raises(InputError, match="no good part"):
        run(
            tmp_path, plan("a", "b"), ScriptedRunner(by_rung, answer), criterion=Criterion(Costs(1, 1, 0.5), SPLIT_HASH)
        )


def test_ties_are_said_plainly(tmp_path: Path):
    result = run(tmp_path, plan("a", "b", rounds=1), ScriptedRunner(lambda _: 0.7), ms={"a": 9.0, "b": 4.0})
    assert result.rows[1].tied
    said = "\n".join(sentences(result))
    assert "b · yolov8n · 64 px cannot be told apart from it on these 40 parts" in said
    assert "and is quicker: 4.0 ms instead of 9.0" in said
    apart = run(tmp_path / "2", plan("a", "b", rounds=1), ScriptedRunner(by_rung))
    assert not apart.rows[1].tied
    assert "a · yolov8n · 64 px is worse by 0.400" in "\n".join(sentences(apart))


def test_past_its_minutes_no_trial_starts(tmp_path: Path):
    runner = ScriptedRunner(by_rung)
    run(tmp_path, plan("a", "b"), runner, limits=Limits(minutes=500))
    assert runner.until_s is not None
    unlimited = ScriptedRunner(by_rung)
    run(tmp_path / "2", plan("a", "b"), unlimited)
    assert unlimited.until_s is None


def test_out_of_time_in_a_round_keeps_the_figures_of_the_one_before(tmp_path: Path):
    def answer(spec: TrialSpec) -> TrialResult | None:
        return stopped(Path(spec.folder).name) if spec.last else None

    result = run(tmp_path, plan(*"abcd", rounds=2), ScriptedRunner(by_rung, answer))
    assert not result.complete
    assert (result.best.candidate.rung, result.best.round.share, result.best.reason) == ("b", 1 / 3, "out of time")
    assert "call again with more time" in "\n".join(sentences(result))
    runner = ScriptedRunner(by_rung)
    assert run(tmp_path, plan(*"abcd", rounds=2), runner).complete
    assert asked(runner) == [("b", 1, 0), ("c", 1, 0)]


def test_out_of_time_before_any_figure_is_an_answer_of_no(tmp_path: Path):
    runner = ScriptedRunner(by_rung, lambda _: stopped("x"))
    with pytest.raises(GateError, match="out of time before any trial ended"):
        run(tmp_path, plan("a", "b"), runner)
    assert read_result(Path(runner.asked[0].folder)) is None


def test_the_table_and_the_facts_hold_every_candidate(tmp_path: Path):
    result = run(tmp_path, plan(*"abcdef", seeds=(0, 1)), ScriptedRunner(by_rung))
    assert table(result).row_count == 6
    told = facts(result)
    assert told["recommended"] == "b-yolov8n-64"
    assert [row["key"][0] for row in told["candidates"]] == list("bfcead")
    first = told["candidates"][0]
    assert first["validation"]["standard_error_seeds"] == 0
    assert first["test"]["mean"] == pytest.approx(0.8)
    assert set(first["seeds"]) == {"0", "1"}
    assert "parts" not in first["seeds"]["0"]["val"]


def test_short_rounds_are_ranked_by_what_was_learnt_and_the_last_by_cost(tmp_path: Path):
    """`a` is cheapest from the start and has learnt least; by cost it would have been the only one to go on."""
    learnt = {"a": 0.1, "b": 0.5, "c": 0.6, "d": 0.55}

    def answer(spec: TrialSpec) -> TrialResult:
        found = done(spec, 0.9 if spec.candidate.rung == "a" else 0.6)
        assert found.val is not None
        return found.model_copy(update={"val": found.val.model_copy(update={"map50_95": learnt[spec.candidate.rung]})})

    costs = Criterion(Costs(10, 1, 0.1), SPLIT_HASH)
    found = run(tmp_path, plan(*"abcd"), ScriptedRunner(by_rung, answer), criterion=costs)
    assert {row.candidate.rung for row in found.rows if row.fate == "ranked"} == {"c", "d"}
    assert found.best.behind is None
