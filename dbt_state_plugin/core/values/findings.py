"""Findings of a check: what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is: `error` has to be mended, `note` is to be known, `ok` is as it should be."""

    ERROR = "error"
    NOTE = "note"
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `do` is empty where nothing has to be done."""

    check: str
    severity: Severity
    what: str
    do: str = ""


def has_errors(findings: tuple[Finding, ...]) -> bool:
    """Return whether one of them has to be mended."""
    return any(finding.severity is Severity.ERROR for finding in findings)
