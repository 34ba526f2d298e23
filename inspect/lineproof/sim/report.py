"""A campaign as a table and as facts."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from lineproof.sim.faults import FAULTS
from lineproof.sim.world import Campaign


def safe(campaign: Campaign) -> bool:
    """No bad part was let through, and no trigger was answered twice."""
    return not campaign.wrong_pass and not campaign.twice


def table_of(campaign: Campaign) -> Table:
    """Fault | injected | safe behaviour | answers seen | recovered in."""
    table = Table(title=_title(campaign), title_justify="left")
    for column in ("", "fault", "done", "answers seen", "passed", "wrong", "back in"):
        table.add_column(column, justify="left" if column in ("", "fault", "answers seen") else "right")
    for name, tally in campaign.faults.items():
        answers = ", ".join(f"{count} {outcome}" for outcome, count in tally.answers.most_common())
        table.add_row(
            FAULTS[name].number,
            name.replace("_", " "),
            str(tally.injected),
            answers or "none in time",
            str(tally.let_through),
            str(tally.wrong_pass),
            f"{tally.recovered_ms / 1000:.1f} s" if tally.recovered_ms else "–",
            style="red" if tally.wrong_pass else None,
        )
    return table


def words_of(campaign: Campaign) -> str:
    """The result in two lines, with the bound that so many parts carry."""
    bad = campaign.bad_ejected + len(campaign.wrong_pass)
    counted = (
        f"{campaign.parts} parts: {campaign.good_passed} good ones passed, {campaign.good_ejected} good ones were ejected, "
        f"{campaign.bad_ejected} bad ones were ejected, {len(campaign.wrong_pass)} bad ones passed"
    )
    lines = [counted]
    if campaign.wrong_pass:
        lines.append(f"WRONG PASS: {', '.join(campaign.wrong_pass[:5])}")
    elif bad:
        lines.append(f"0 wrong PASS in {bad} bad parts: at most {3 / bad:.1e} with 95 % confidence (rule of three)")
    if campaign.twice:
        lines.append(f"ANSWERED TWICE: {', '.join(campaign.twice[:5])}")
    return "\n".join(lines)


def facts_of(campaign: Campaign) -> dict[str, Any]:
    """For JSON."""
    return {
        "scenario": campaign.scenario.model_dump(mode="json"),
        "safe": safe(campaign),
        "parts": campaign.parts,
        "good_passed": campaign.good_passed,
        "good_ejected": campaign.good_ejected,
        "bad_ejected": campaign.bad_ejected,
        "wrong_pass": campaign.wrong_pass,
        "answered_twice": campaign.twice,
        "answers": dict(campaign.answers.most_common()),
        "faults": {
            name: {
                "number": FAULTS[name].number,
                "safe_behaviour": FAULTS[name].safe,
                "injected": tally.injected,
                "answers": dict(tally.answers.most_common()),
                "let_through": tally.let_through,
                "wrong_pass": tally.wrong_pass,
                "inspected_again_within_ms": round(tally.recovered_ms) or None,
            }
            for name, tally in campaign.faults.items()
        },
    }


def _title(campaign: Campaign) -> str:
    return f"{campaign.scenario.name}: {campaign.parts} parts, seed {campaign.scenario.seed}"
