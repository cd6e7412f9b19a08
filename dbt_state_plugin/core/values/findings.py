"""Findings of a check: what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """Severity of a finding: `error` has to be fixed, `note` is for information, `ok` is as it should be."""

    ERROR = "error"
    NOTE = "note"
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked; `do` is empty if nothing has to be done."""

    check: str
    severity: Severity
    what: str
    do: str = ""


def has_errors(findings: tuple[Finding, ...]) -> bool:
    """Return whether one of them is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)
