"""Comparisons with another baseline as text and JSON."""

from __future__ import annotations

from typing import Any

from dbt_state_plugin.core.comparison.baseline import Compared
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.report.document import plan_document
from dbt_state_plugin.report.folding import folded
from dbt_state_plugin.report.line import Style, line_of
from dbt_state_plugin.report.printable import printable, relation_shown
from dbt_state_plugin.report.reason_words import reason_words
from dbt_state_plugin.report.text import column_of, entry_lines, label, node_line, unchanged_since, warning_line
from dbt_state_plugin.report.width import truncated, wrapped
from dbt_state_plugin.report.words import summary_counts


def compared_lines(compared: Compared, *, shows_all: bool = False, width: int | None = None) -> list[str]:
    """Return what the code would change: what is compared, one line for each node, then the summary."""
    plan = compared.plan
    lines = entry_lines(plan.to_build, "change", shows_all=shows_all)
    lines += entry_lines(plan.waiting, "beside", shows_all=shows_all)
    lines += _removed_lines(compared, shows_all=shows_all)
    lines += _same_lines(plan.skipped, shows_all=shows_all)
    rows = [truncated(line, width) for line in lines]
    first = printable(
        f"Compared with {compared.baseline.name}: what the code alone changes, whatever the relations hold."
    )
    last = [
        *(warning_line("warning", f": {printable(warning)}") for warning in comparison_warnings(compared)),
        compared_summary(compared),
    ]
    return [*wrapped(first, width), *rows, *(part for line in last for part in wrapped(line, width))]


def comparison_warnings(compared: Compared | None) -> tuple[str, ...]:
    """Return what could not be compared."""
    if compared is None or not compared.unseen_values:
        return ()
    nodes = "1 node reads" if compared.unseen_values == 1 else f"{compared.unseen_values} nodes read"
    return (f"{nodes} vars, env vars or target fields whose values are not in this manifest: only code is compared",)


def _removed_lines(compared: Compared, *, shows_all: bool) -> list[str]:
    lines: list[str] = []
    for removed in compared.removed:
        relation = f" ({relation_shown(removed.relation)})" if removed.relation else ""
        words = printable(f" {removed.unique_id}{relation} is not in this project")
        lines.append(line_of("  ", ("removed", Style.CARE), words))
    return folded(lines, "`--all` shows them", is_whole=shows_all)


def _same_lines(entries: tuple[PlanEntry, ...], *, shows_all: bool) -> list[str]:
    """Return the nodes that differ in nothing real, with what was found; with `shows_all` the equal ones as well."""
    shown = [entry for entry in entries if entry.cosmetic or shows_all]
    column = column_of(shown)
    lines = [
        node_line(
            ("same", Style.LATER),
            label(entry),
            column,
            reason_words(entry.cosmetic[0]) if entry.cosmetic else unchanged_since(entry),
        )
        for entry in shown
    ]
    return folded(lines, "`--all` shows them", is_whole=shows_all)


def compared_summary(compared: Compared) -> str:
    """Return the comparison in one line, such as `Changes: 1 new, 2 changed, 3 downstream, 1 removed, 41 unchanged`."""
    counts = {**summary_counts(compared.plan), "removed": len(compared.removed)}
    parts = [f"{counts[name]} {name}" for name in ("new", "changed", "downstream", "removed") if counts[name]]
    parts = [*(parts or ["none"]), f"{counts['unchanged']} unchanged"]
    if counts["outside_selection"]:
        parts.append(f"{counts['outside_selection']} more outside the selection")
    return f"Changes: {', '.join(parts)}"


def compared_document(compared: Compared) -> dict[str, Any]:
    """Return the plan's document with what it is compared with; its decisions say what the code would change."""
    document = plan_document(compared.plan)
    baseline = compared.baseline
    return {
        **document,
        "against": {"kind": baseline.kind, **baseline.details},
        "summary": {**document["summary"], "removed": len(compared.removed)},
        "removed": [{"unique_id": each.unique_id, "relation": each.relation or None} for each in compared.removed],
        "warnings": list(comparison_warnings(compared)),
    }
