"""The audit: read tolerantly, look at every image once, ask every check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lineproof.data.audit.checks import all_checks
from lineproof.data.audit.finding import Code
from lineproof.data.audit.pixels import Pixels, look_at
from lineproof.data.audit.raw import RawDataset, read_raw
from lineproof.data.audit.report import AuditReport
from lineproof.data.loading import Progress, silent

MIN_INSTANCES = 10  # fewer, and neither a share of them can be held out nor a rate be told


@dataclass(frozen=True, slots=True, eq=False)
class Audited:
    """The report, and what it was made from: `mend` needs both."""

    report: AuditReport
    raw: RawDataset
    pixels: Pixels


def audit(
    root: Path, progress: Progress = silent, *, min_instances: int = MIN_INSTANCES, twins: bool = True
) -> Audited:
    """Look for everything of `Code` in a dataset folder; without `twins` only identical copies are compared.

    Raises:
        DatasetError: the folder is no dataset at all, or one of its two files is no JSON or YAML.
    """
    raw = read_raw(root)
    pixels = look_at(raw, progress, twins=twins)
    findings = [*raw.findings]
    for check in all_checks(min_instances):
        findings += check(raw, pixels)
    order = list(Code)
    findings.sort(key=lambda finding: order.index(finding.code))
    report = AuditReport(raw.root, len(raw.sizes), sum(map(len, raw.records.values())), tuple(findings))
    return Audited(report, raw, pixels)
