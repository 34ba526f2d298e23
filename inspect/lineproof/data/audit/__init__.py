"""What a dataset is worth: everything in it that would poison training, by file and record; and a mended copy."""

from lineproof.data.audit.finding import Code, Finding, Severity
from lineproof.data.audit.report import AuditReport
from lineproof.data.audit.run import Audited, audit

__all__ = ["AuditReport", "Audited", "Code", "Finding", "Severity", "audit"]
