"""Explanations of one decision as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Protocol

from dbt_state_plugin.core.decision.logic_change import older_rows_reason
from dbt_state_plugin.core.values.history import NodeResult
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import OldRows, ReasonKind
from dbt_state_plugin.core.values.records import was_removed_by_hook
from dbt_state_plugin.report.document import VERSION, entry_document, environment_document
from dbt_state_plugin.report.line import Style, line_of
from dbt_state_plugin.report.printable import printable, relation_shown
from dbt_state_plugin.report.reason_words import detail, reason_document, reason_words, short_name
from dbt_state_plugin.report.states import cut_off_words
from dbt_state_plugin.report.text import if_words, more_words, timestamp
from dbt_state_plugin.report.words import duration

_DIFF_LINES = 60
_DIFF = {"+": Style.ADDED, "-": Style.GONE}


class Text(Protocol):
    """A text as it was built and as it is now; `before` is None when nothing is kept to compare with."""

    @property
    def title(self) -> str:
        """Say what the text is."""

    @property
    def before(self) -> str | None:
        """Return the recorded text."""

    @property
    def now(self) -> str:
        """Return the present text."""


def explanation_lines(
    entry: PlanEntry, path: tuple[PlanEntry, ...], texts: Iterable[Text] = (), cut_off: NodeResult | None = None
) -> list[str]:
    """Return the decision about a node, its reasons, the path to the first cause, and how the code there differs.

    `path` leads from the node to its first cause; `texts` are those of the cause. `cut_off` is the result of the run
    that has cut it off, where none has built it and nothing has changed for it since.
    """
    node = entry.node
    lines = [f"{printable(node.unique_id)} ({printable(node.path)})"]
    lines.append(
        f"  relation: {printable(relation_shown(node.relation))}"
        if node.relation
        else "  it has no relation of its own"
    )
    lines.append(_decision_line(entry))
    lines += [f"  - {reason_words(reason)}" for reason in entry.reasons]
    if len(path) > 1:
        cause = path[-1]
        lines.append("  first cause: " + " <- ".join(printable(step.node.unique_id) for step in path))
        name = printable(short_name(cause.node.unique_id))
        own = [reason for reason in cause.reasons if reason.kind is not ReasonKind.UPSTREAM]
        lines += [f"  - {name}: {reason_words(reason)}" for reason in own]
    if entry.keeps_data:
        lines.append("  its rows and columns stay as they are: tables that read it need no build")
    lines += _rows_lines(entry)
    if entry.cosmetic:
        lines.append("  differs from the last build in nothing that dbt would execute:")
        lines += [f"  - {reason_words(reason)}" for reason in entry.cosmetic]
    lines += [f"  {words}" for words in more_words(entry)]
    lines += _record_lines(entry)
    lines += [f"  cut off: {words}" for words in cut_off_words(cut_off).split("; ")] if cut_off is not None else []
    for text in texts:
        lines += _diff_lines(text)
    return lines


def explanation_document(
    plan: Plan,
    entry: PlanEntry,
    path: tuple[PlanEntry, ...],
    texts: Iterable[Text] = (),
    cut_off: NodeResult | None = None,
) -> dict[str, Any]:
    """Return the content of `explanation_lines`; `first_cause` is null if the node is skipped."""
    record, cause = entry.record, path[-1] if entry.reasons else None
    has_older_rows = record is not None and bool(record.trace.older_logic) and entry.old_rows is not OldRows.REBUILT
    return {
        "version": VERSION,
        "environment": environment_document(plan.environment),
        "command": plan.command,
        "node": entry_document(entry),
        "first_cause": cause
        and {
            "unique_id": cause.node.unique_id,
            "path": [step.node.unique_id for step in path],
            "reasons": [reason_document(reason) for reason in cause.reasons],
        },
        "older_rows": detail(older_rows_reason(record)) if record and has_older_rows else None,
        "last_build": record
        and {
            "built_at": record.built_at.isoformat(),
            "execution_id": str(record.execution_id) if record.execution_id else None,
            "duration_ms": record.duration_ms,
            "removed_by_hook": was_removed_by_hook(record),
        },
        "texts": [{"title": text.title, "before": text.before, "now": text.now} for text in texts],
        "cut_off": cut_off_words(cut_off) if cut_off is not None else None,
    }


_OLD_ROWS = {
    OldRows.KEPT: "existing rows keep the earlier logic; --full-refresh-changed rebuilds them",
    OldRows.PROTECTED: "existing rows keep the earlier logic, since dbt never rebuilds them",
    OldRows.REBUILT: "all of its rows are rebuilt",
    OldRows.REFUSED: "on_logic_change: fail refuses the run; --full-refresh-changed rebuilds all rows",
}
_OLD_COLUMNS = {
    OldRows.KEPT: "its table keeps earlier columns or types; --full-refresh-changed loads it from scratch",
    OldRows.PROTECTED: "its table keeps earlier columns or types, since full_refresh: false does not let it be dropped",
    OldRows.REBUILT: "it is loaded from scratch",
    OldRows.REFUSED: "on_logic_change: fail refuses the run; --full-refresh-changed loads it from scratch",
}


def _rows_lines(entry: PlanEntry) -> list[str]:
    """Return what is to be known about rows of earlier logic, and how to build less often what calls the clock."""
    words = _OLD_COLUMNS if entry.node.resource_type == "seed" else _OLD_ROWS
    lines = [f"  {words[entry.old_rows]}"] if entry.old_rows else []
    if entry.record is not None and entry.record.trace.older_logic and entry.old_rows is not OldRows.REBUILT:
        lines.append(f"  {detail(older_rows_reason(entry.record))}")
    if any(reason.kind is ReasonKind.VOLATILE for reason in entry.reasons):
        lines.append("  to build it less often, set meta.dbt_state_plugin.volatile to daily or never")
    return lines


def _decision_line(entry: PlanEntry) -> str:
    if entry.hangs_on:
        return f"  is built {if_words(entry)}, because"
    if entry.decision is Decision.BUILD:
        return "  is built, because"
    if entry.outside_selection:
        return "  needs a build, but is outside the selection and not built now, because"
    return "  is skipped: its definition, its parents and its relation are what the last build recorded"


def _record_lines(entry: PlanEntry) -> list[str]:
    record = entry.record
    if record is None:
        return ["  last build: none is recorded"]
    took = f", took {duration(record.duration_ms)}" if record.duration_ms is not None else ""
    by = f" by execution {record.execution_id}" if record.execution_id else ""
    removed = ["  its relation was removed by its own hook, as dbt leaves it"] if was_removed_by_hook(record) else []
    return [f"  last build: {timestamp(record.built_at)}{by}{took}", *removed]


def _diff_lines(text: Text) -> list[str]:
    title = printable(text.title)
    if text.before is None:
        return [f"  {title}: no earlier text is kept to compare with"]
    before, now = text.before.splitlines(), text.now.splitlines()
    diff = list(difflib.unified_diff(before, now, "as built", "now", lineterm=""))
    shown = [_diff_line(printable(line.expandtabs(4))) for line in diff[:_DIFF_LINES]]
    return [f"  {title}:", *shown, *(["    ..."] if len(diff) > _DIFF_LINES else [])]


def _diff_line(line: str) -> str:
    """Return a line of a unified diff; of one that says where, only that is styled."""
    if line.startswith("@@"):
        place = line[: line.rindex("@@") + 2]
        return line_of("    ", (place, Style.PLACE), line.removeprefix(place))
    return line_of("    ", (line, _DIFF.get(line[:1])))
