"""Findings of a check as text and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.core.values.findings import Finding, Severity, has_errors
from dbt_state_plugin.report.line import Style, line_of
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.width import wrapped
from dbt_state_plugin.report.words import count

_STYLES = {Severity.OK: Style.GOOD, Severity.ERROR: Style.BAD, Severity.NOTE: Style.CARE}


def finding_lines(findings: Iterable[Finding], *, width: int | None = None) -> list[str]:
    """Return a line for each finding with what was found, and one with what to do."""
    lines: list[str] = []
    for finding in findings:
        word = finding.severity.value
        rest = f"{'':<{5 - len(word)}}  {finding.check}: {printable(finding.what)}"
        lines.append(line_of("  ", (word, _STYLES[finding.severity]), rest))
        if finding.do:
            lines.append(f"         {printable(finding.do)}")
    return [part for line in lines for part in wrapped(line, width)]


def readiness_line(findings: tuple[Finding, ...]) -> str:
    """Return whether a run may begin, and how many errors and notes there are."""
    found = findings_summary(findings)
    if has_errors(findings):
        return line_of(("Not ready", Style.FAILED), f": {found}")
    return line_of(("Ready", Style.SUCCEEDED), f" for `dbt-state-plugin run`: {found}")


def findings_summary(findings: Iterable[Finding]) -> str:
    """Return how many errors and notes there are."""
    found = [finding.severity for finding in findings]
    return f"{count(found.count(Severity.ERROR), 'error')}, {count(found.count(Severity.NOTE), 'note')}."


def findings_document(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return the findings as JSON has them."""
    found = tuple(findings)
    return {
        "version": 1,
        "ok": not has_errors(found),
        "findings": [
            {"check": each.check, "severity": each.severity.value, "what": each.what, "do": each.do} for each in found
        ],
    }


def rehearsal_lines(rows: Mapping[str, tuple[int | None, int | None]]) -> list[str]:
    """Return the rows of each table of the state before and after an upgrade."""
    column = max((len(table) for table in rows), default=0)
    return [
        f"  {printable(table):<{column}}  {_rows(before)} -> {_rows(after)}" for table, (before, after) in rows.items()
    ]


def _rows(number: int | None) -> str:
    return "no table" if number is None else count(number, "row")
