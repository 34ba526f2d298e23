"""The findings of an audit, as numbers, as words and as one object."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from lineproof.data.audit.finding import KINDS, Code, Finding, Severity
from lineproof.data.formats.wording import count

SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class AuditReport:
    """What was looked at and what was found, in the order of `Code`."""

    root: Path
    images: int
    records: int
    findings: tuple[Finding, ...]

    @property
    def poisoned(self) -> bool:
        """Something would poison training or its figures."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def by_code(self) -> dict[Code, list[Finding]]:
        """The findings of every code that occurs."""
        return {code: found for code in Code if (found := [f for f in self.findings if f.code is code])}

    def as_dict(self) -> dict[str, object]:
        """Counts and every finding, for machines."""
        severities = Counter(finding.severity for finding in self.findings)
        return {
            "dataset": str(self.root),
            "images": self.images,
            "records": self.records,
            "ok": not self.poisoned,
            "errors": severities[Severity.ERROR],
            "warnings": severities[Severity.WARNING],
            "counts": {code: len(found) for code, found in self.by_code().items()},
            "findings": [{"severity": f.severity, **asdict(f)} for f in self.findings],
        }

    def as_text(self) -> str:
        """A paragraph for each code: how many, the first few by name, and what helps."""
        lines = [f"{self.root}: {count(self.images, 'image')}, {count(self.records, 'record')}"]
        for severity in Severity:
            for code, found in self.by_code().items():
                if KINDS[code].severity is severity:
                    lines += _paragraph(code, found)
        errors = sum(finding.severity is Severity.ERROR for finding in self.findings)
        lines.append(f"not fit for training: {count(errors, 'error')}" if errors else "fit for training")
        return "\n".join(lines)


def _paragraph(code: Code, found: list[Finding]) -> list[str]:
    kind = KINDS[code]
    lines = [f"{kind.severity:7}  {kind.title}: {len(found)} [{code}]"]
    lines += [f"           {finding}" for finding in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"           … and {len(found) - SHOWN} more (--json names them all)")
    if kind.remedy:
        lines.append(f"         → {kind.remedy}")
    return lines
