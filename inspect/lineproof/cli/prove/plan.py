"""`lineproof prove plan` and `prove sequential`: how many bad parts a claim takes, before and while they are collected."""

from __future__ import annotations

from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra
from lineproof.errors import InputError

if TYPE_CHECKING:
    from lineproof.proof.counts.planner import Plan, Supportable
    from lineproof.proof.counts.sequential import Progress

# A system that is five times as good as the claim passes the plan without a miss in about half of all trials.
_AS_GOOD_AS = 0.2
_ESCAPE = 0.01
_APART = 1.25  # 0.2 % against 0.25 % is accepted after 5,876 parts without a miss at the earliest
_PPM_NEEDS = "give both, for example --ppm 100 --prior 0.02"


def plan(
    escape: Annotated[
        float | None, typer.Option(help="largest escape rate to prove; default: 0.01, which is 1 %", show_default=False)
    ] = None,
    confidence: Annotated[float, typer.Option(help="0.95: a system just too bad passes in 5 of 100 trials")] = 0.95,
    true_rate: Annotated[
        float | None,
        typer.Option(help="what the system truly misses; default: a fifth of --escape", show_default=False),
    ] = None,
    overkill: Annotated[
        float | None, typer.Option(help="also plan good parts for this overkill rate", show_default=False)
    ] = None,
    ppm: Annotated[
        float | None, typer.Option(help="bad parts per million shipped, in place of --escape", show_default=False)
    ] = None,
    prior: Annotated[
        float | None, typer.Option(help="with --ppm: share of bad parts made, 0.02 for 2 %", show_default=False)
    ] = None,
    have: Annotated[int | None, typer.Option(min=0, help="bad parts inspected so far", show_default=False)] = None,
    missed: Annotated[
        int | None, typer.Option(min=0, help="with --have: how many of them passed", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how many bad parts prove an escape rate, and the chance of passing, before anyone collects them.

    With --have it says what the parts at hand prove; exit 1 when that is not yet the target.

    Example: `lineproof prove plan --escape 0.01 --confidence 0.95 --true-rate 0.002`
    """
    require_extra("proof", "scipy")
    from lineproof.proof.counts.planner import chance_of_topping_up, plans

    _rate("--confidence", confidence)
    if overkill is not None:
        _rate("--overkill", overkill)
    target = _target(escape, ppm, prior, overkill or 0.0)
    truth = target * _AS_GOOD_AS if true_rate is None else true_rate
    if not 0 <= truth <= 1:
        raise InputError(f"--true-rate {truth:g}: expected 0 to 1", hint="0.002 for 0.2 %")
    now = _at_hand(have, missed, target, confidence)

    rows = plans(target, truth, confidence)
    one_by_one = chance_of_topping_up(rows, target)
    facts: dict[str, object] = {
        "escape": target,
        "confidence": confidence,
        "true_rate": truth,
        "ppm": ppm,
        "prior": prior,
        "plans": [row.as_dict() for row in rows],
        "risk_when_topping_up": round(one_by_one, 4),
    }
    text = [_shipping(ppm, prior, overkill or 0.0, target)] if ppm is not None and prior is not None else []
    text += [
        f"To prove, with {_percent(confidence)} confidence, that at most {_percent(target)} of bad parts pass:",
        "",
        *_table(rows, truth, "bad parts", "misses"),
        "",
        "Choose one row before the first part is inspected. Count physical parts, each once, however many views it has.",
        f"Trying the rows one after another until one passes lets a system that misses {_percent(target)} pass",
        f"{_in_100(one_by_one)} times instead of {_in_100(1 - confidence)}; to look as you go, use `lineproof prove sequential`.",
    ]
    if truth >= target:
        text.append(
            f"A system that truly misses {_percent(truth)} should not pass: these are chances of a wrong claim."
        )
    if overkill is not None:
        good = plans(overkill, overkill * _AS_GOOD_AS, confidence)
        facts["overkill"] = {"overkill": overkill, "plans": [row.as_dict() for row in good]}
        text += ["", f"The same for at most {_percent(overkill)} of good parts rejected:", ""]
        text += _table(good, overkill * _AS_GOOD_AS, "good parts", "rejects")
    if now is not None:
        facts["have"] = now.as_dict()
        text += ["", *_so_far(now)]
    emit(facts, "\n".join(text), as_json=as_json)
    if now is not None and not now.supported:
        raise typer.Exit(1)


def sequential(
    log: Annotated[
        Path, typer.Argument(help="a CSV file with the columns part,missed: one bad part a row", metavar="LOG.csv")
    ],
    good: Annotated[float, typer.Option(help="escape rate that should be accepted")] = 0.002,
    bad: Annotated[float, typer.Option(help="escape rate that must not be accepted")] = 0.01,
    confidence: Annotated[float, typer.Option(help="chance aimed at of judging each of the two rightly")] = 0.95,
    as_json: JsonFlag = False,
) -> None:
    """Judge bad parts one by one (Wald's sequential test): accept, reject, or go on and how long.

    Exit 0 only when accepted. The log may be looked at after every part; what comes after the end changes nothing.

    Example: `lineproof prove sequential trial.csv --good 0.002 --bad 0.01`
    """
    require_extra("proof", "scipy")
    from lineproof.proof.counts.sequential import Conclusion, SequentialTest, follow, read_log

    for name, value in (("--good", good), ("--bad", bad), ("--confidence", confidence)):
        _rate(name, value)
    if good * _APART > bad:
        raise InputError(
            f"--good {good:g}, --bad {bad:g}: too close to tell apart", hint=f"--bad at least {_APART:g} times --good"
        )
    if confidence <= 0.5:
        raise InputError(f"--confidence {confidence:g}: expected more than 0.5", hint="0.95 for 95 %")
    parts = read_log(log)
    test = SequentialTest(good, bad, 1 - confidence, 1 - confidence)
    state = follow(test, (part.missed for part in parts))
    unused = len(parts) - state.parts
    risk = test.chance_of_acceptance(bad)
    facts = {
        **state.as_dict(),
        "confidence": confidence,
        "rows_after_end": unused,
        "risk_of_accepting_bad": round(risk, 4),
    }
    emit(facts, "\n".join(_progress(state, risk, unused)), as_json=as_json)
    if state.conclusion is not Conclusion.ACCEPT:
        raise typer.Exit(1)


def _target(escape: float | None, ppm: float | None, prior: float | None, overkill: float) -> float:
    """The escape rate to prove, said as such or by what may be shipped."""
    if ppm is None and prior is None:
        return _rate("--escape", _ESCAPE if escape is None else escape)
    if ppm is None or prior is None:
        raise InputError("--ppm and --prior belong together", hint=_PPM_NEEDS)
    if escape is not None:
        raise InputError("--escape and --ppm both say the target", hint="give one of them")
    from lineproof.proof.counts.planner import escape_for_ppm

    if not 0 < ppm < 1e6:
        raise InputError(f"--ppm {ppm:g}: expected more than 0 and less than a million")
    target = escape_for_ppm(ppm, _rate("--prior", prior), overkill)
    if target == 1:
        raise InputError(f"nothing to prove: without any inspection no more than {ppm:g} ppm would be shipped")
    return _three_digits(target, up=False)  # so that what is printed is what is proved


def _at_hand(have: int | None, missed: int | None, target: float, confidence: float) -> Supportable | None:
    from lineproof.proof.counts.planner import supportable

    if have is None or missed is None:
        if have is not missed:
            raise InputError("--have and --missed belong together", hint="for example --have 300 --missed 1")
        return None
    if missed > have:
        raise InputError(f"--missed {missed}: more than the {have} parts of --have")
    return supportable(have, missed, target, confidence)


def _rate(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise InputError(f"{name} {value:g}: expected a rate between 0 and 1", hint="0.01 for 1 %")
    return value


def _shipping(ppm: float, prior: float, overkill: float, target: float) -> str:
    rejected = f" and {_percent(overkill)} of good ones rejected" if overkill else ""
    return (
        f"At most {ppm:g} bad parts per million shipped, with {_percent(prior)} bad parts made{rejected}: "
        f"at most {_percent(target)} of the bad ones may pass.\n"
    )


def _table(rows: tuple[Plan, ...], truth: float, parts: str, misses: str) -> list[str]:
    """Parts, misses and chances, one plan a line."""
    last = f"passes, if the true rate is {_percent(truth)}"
    lines = [f"{parts:>12}  {misses + ' allowed':>16}   {last}"]
    return lines + [f"{row.parts:>12}  {row.misses:>16}   {_in_100(row.chance)} times" for row in rows]


def _so_far(now: Supportable) -> list[str]:
    counts = f"{now.misses} missed of {now.parts} bad parts"
    if now.claim is None:
        lines = [f"{counts}: nothing is demonstrated."]
    else:
        lines = [
            f"{counts}: at most {_percent(_three_digits(now.claim, up=True))} pass, with {_percent(now.confidence)} confidence."
        ]
    if now.supported:
        return [*lines, f"{_percent(now.target)} is supported, if the number of parts was fixed beforehand."]
    lines.append(f"{_percent(now.target)} is not demonstrated.")
    if now.more_at_observed_rate is None:
        often = f"{_percent(now.misses / now.parts)} were missed"
        return [
            *lines,
            f"More parts will not help as long as {often}: make the system better, then prove it on new parts.",
        ]
    lines.append(f"It would take {now.more_without_miss} more bad parts without a further miss,")
    lines.append(f"or {now.more_at_observed_rate} more when misses come as often as so far.")
    return lines


def _progress(state: Progress, risk: float, unused: int) -> list[str]:
    from lineproof.proof.counts.sequential import Conclusion

    test = state.test
    head = f"{state.conclusion.value.upper()}: {state.misses} missed of {state.parts} bad parts"
    if state.conclusion is Conclusion.ACCEPT:
        words = [f"This test accepts a system that misses {_percent(test.bad)} in {_percent(risk)} of all trials."]
    elif state.conclusion is Conclusion.REJECT:
        words = [f"This speaks for an escape rate of {_percent(test.bad)} or more, not of {_percent(test.good)}."]
    else:
        more = state.misses_to_reject
        words = [
            "Not demonstrated yet.",
            f"accept  after {state.more_to_accept} more parts without a miss",
            f"reject  after {more} {'miss' if more == 1 else 'misses'} in a row",
        ]
    if unused:
        words.append(f"The test was over then: {unused} later rows of the log change nothing.")
    return [head, *words]


def _three_digits(rate: float, *, up: bool) -> float:
    """To three significant digits, on the side that claims no more."""
    scale = 10.0 ** (floor(log10(rate)) - 2)
    return float(f"{(ceil if up else floor)(rate / scale) * scale:.3g}")


def _percent(rate: float) -> str:
    return f"{100 * rate:.4g} %"


def _in_100(chance: float) -> str:
    if 0 < chance < 0.005:
        return "fewer than 1 in 100"
    if 0.995 < chance < 1:
        return "more than 99 in 100"
    return f"{100 * chance:.0f} in 100"
