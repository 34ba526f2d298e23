"""What `lineproof run` says at its end."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lineproof.core import Decision

if TYPE_CHECKING:
    from lineproof.line.loop import Line
    from lineproof.line.truth import TruthTally
    from lineproof.records.journal import Journal


def summary(name: str, line: Line, journal: Journal | None, tally: TruthTally | None) -> dict[str, object]:
    """The figures of a run as one JSON object."""
    facts: dict[str, object] = {
        "line": name,
        "trigger": line.settings.trigger,
        "deadline_ms": line.settings.deadline_ms,
        **asdict(line.provenance),
        **line.stats.snapshot().as_dict(),
        "drops": line.handoff.drops,
        "source_losses": line.feeder.losses,
        "inference_restarts": line.restarts,
        "troubles": line.troubles,
    }
    if journal is not None:
        facts["records"] = asdict(journal.health())
    if tally is not None:
        facts["truth"] = truth_facts(tally)
    return facts


def truth_facts(tally: TruthTally) -> dict[str, object]:
    """Escapes and overkill as counts, and with their exact bounds where the extra `proof` is installed."""
    table = {
        word: {d.value: tally.counts[good, d] for d in Decision} for word, good in (("good", True), ("bad", False))
    }
    good, bad = sum(table["good"].values()), sum(table["bad"].values())
    facts: dict[str, object] = {
        "table": table,
        "escapes": {"count": table["bad"]["PASS"], "of": bad},
        "overkill": {"count": good - table["good"]["PASS"], "of": good},
        "unknown": tally.unknown,
    }
    if importlib.util.find_spec("scipy") is None:  # the line PC has none, and needs none
        return facts
    from lineproof.proof.rates import Outcome, line_rates

    outcomes = (Outcome(bad=not ok, decision=d) for (ok, d), count in tally.counts.items() for _ in range(count))
    rates = line_rates(outcomes)
    return facts | {"escapes": rates.escape.as_dict(), "overkill": rates.overkill.as_dict()}


def summary_text(facts: dict[str, Any]) -> str:
    """The same for people."""
    share = "–" if facts["pass_yield"] is None else f"{facts['pass_yield']:.1%}"
    rate = f"{facts['parts']} parts in {facts['seconds']:.1f} s ({facts['mean_rate_hz']:.1f}/s)"
    losses = {name: facts[name] for name in ("drops", "late", "signal_failures", "record_failures")}
    lines = [
        f"{facts['line']}: {rate}, yield {share}, {facts['provider']}",
        "   ".join(f"{decision} {count}" for decision, count in facts["decisions"].items()),
        "   ".join(f"{name.replace('_', ' ')} {count}" for name, count in losses.items()),
    ]
    if facts["faults"]:
        lines.append("faults: " + ", ".join(f"{rule} {count}" for rule, count in facts["faults"].items()))
    lines += [f"{room}: {why}" for room, why in facts["troubles"].items()]
    if "records" in facts:
        lines.append(_records(facts["records"]))
    if facts["stages_ms"]:
        lines += ["", f"{'ms':<12}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}"]
        lines += [_stage(stage, spread) for stage, spread in facts["stages_ms"].items()]
    if "truth" in facts:
        lines += ["", *_truth(facts["truth"])]
    return "\n".join(lines)


def _stage(stage: str, spread: dict[str, float]) -> str:
    return f"{stage:<12}" + "".join(f"{spread[name]:>9.1f}" for name in ("p50", "p95", "p99", "max"))


def _records(health: dict[str, Any]) -> str:
    text = f"records: {health['written']} written, {health['pending']} pending"
    lost = {name: health[name] for name in ("dropped_images", "dropped_rows", "failures") if health[name]}
    text += "".join(f", {count} {name.replace('_', ' ')}" for name, count in lost.items())
    return text + (f" – {health['last_error']}" if health["last_error"] else "")


def _truth(truth: dict[str, Any]) -> list[str]:
    lines = [f"{'truth':<8}" + "".join(f"{decision:>8}" for decision in truth["table"]["good"])]
    lines += [f"{word:<8}" + "".join(f"{n:>8}" for n in row.values()) for word, row in truth["table"].items()]
    lines += [_rate(name, truth[name]) for name in ("escapes", "overkill")]
    if truth["unknown"]:
        lines.append(f"{truth['unknown']} parts are not in the dataset")
    return lines


def _rate(name: str, rate: dict[str, Any]) -> str:
    bounds = f" (95 %: {rate['low']:.1%} – {rate['high']:.1%})" if "low" in rate and rate["of"] else ""
    return f"{name:<10}{rate['count']} of {rate['of']}{bounds}"
