"""Several views of a part to its one decision, with all their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lineproof.core.verdict import Decision, Reason
from lineproof.line.station.events import Finding

Rule = Literal["any", "all"] | int  # a part is rejected when any, all, or so many of its views reject it


def fuse(findings: Mapping[str, Finding], rule: Rule) -> Finding:
    """One finding of a part from one of each view.

    A view that could not be inspected makes the part FAULT under every rule: what nobody looked at cannot be good.
    """
    ordered = list(findings.items())
    reasons = tuple(
        Reason(f"{view}: {reason.rule}" if len(ordered) > 1 else reason.rule, reason.text, reason.detection)
        for view, finding in ordered
        for reason in finding.reasons
    )
    views = [finding for _, finding in ordered]
    surest = max(views, key=lambda finding: finding.top_score)
    return Finding(
        decision=_decision([finding.decision for finding in views], rule),
        reasons=reasons,
        defects=sum(finding.defects for finding in views),
        top_class=surest.top_class,
        top_score=surest.top_score,
        worst_size_um=max(finding.worst_size_um for finding in views),
    )


def _decision(decisions: list[Decision], rule: Rule) -> Decision:
    if Decision.FAULT in decisions:
        return Decision.FAULT
    needed = 1 if rule == "any" else len(decisions) if rule == "all" else min(rule, len(decisions))
    failed = decisions.count(Decision.FAIL)
    if failed >= needed:
        return Decision.FAIL
    return Decision.REVIEW if failed + decisions.count(Decision.REVIEW) >= needed else Decision.PASS
