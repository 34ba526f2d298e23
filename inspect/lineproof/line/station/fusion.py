"""Several views of a part to its one decision, with all their reasons."""

from __future__ import annotations

from collections.abc import Mapping

from lineproof.core.verdict import Reason
from lineproof.line.station.events import Finding
from lineproof.rules.fusion import Fusion, fused


def fuse(findings: Mapping[str, Finding], fusion: Fusion) -> Finding:
    """One finding of a part from one of each view."""
    ordered = list(findings.items())
    reasons = tuple(
        Reason(f"{view}: {reason.rule}" if len(ordered) > 1 else reason.rule, reason.text, reason.detection)
        for view, finding in ordered
        for reason in finding.reasons
    )
    views = [finding for _, finding in ordered]
    surest = max(views, key=lambda finding: finding.top_score)
    return Finding(
        decision=fused([finding.decision for finding in views], fusion),
        reasons=reasons,
        defects=sum(finding.defects for finding in views),
        top_class=surest.top_class,
        top_score=surest.top_score,
        worst_size_um=max(finding.worst_size_um for finding in views),
    )
