"""The page: rendered templates, with a policy that lets nothing else run."""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.overview import DifferingText, Overview
from dbt_state_plugin.core.version import VERSION
from dbt_state_plugin.report.html.charts import Bar, Chart, bar_chart
from dbt_state_plugin.report.html.nodes import PastBuild, ReportNode, report_nodes
from dbt_state_plugin.report.html.statistics import (
    ExecutionRow,
    execution_rows,
    most_rebuilt,
    node_costs,
    slowest,
)
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.states import STATES, execution_headline
from dbt_state_plugin.report.words import count, duration, summary_line

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
STYLE = "page.css"
SCRIPTS = ("vendor/cytoscape.min.js", "vendor/dagre.min.js", "page.js")
LICENSES = (("Cytoscape.js", "vendor/cytoscape.LICENSE"), ("dagre", "vendor/dagre.LICENSE"))
_DIFF_LINES = 400
_FIRST_ROWS = 150  # of the list, that are there before the page is drawn


def page(overview: Overview) -> str:
    """Return the report as one self-contained HTML file that makes no requests."""
    nodes = report_nodes(overview)
    executions = execution_rows(overview)
    costs = node_costs(overview)
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            policy=content_policy(),
            style=_text(STYLE),
            scripts=[_text(name) for name in SCRIPTS],
            licenses=[(name, _text(file)) for name, file in LICENSES],
            data=script_json(_data(nodes)),
            title=_title(overview),
            environment=overview.plan.environment,
            plan_command=overview.plan.command,
            project=overview.project,
            execution=overview.execution,
            headline=_headline(overview),
            made_at=overview.made_at,
            version=VERSION,
            nodes=nodes,
            first_rows=_FIRST_ROWS,
            numbers={node.unique_id: number for number, node in enumerate(nodes)},
            kinds=sorted({node.resource_type for node in nodes}),
            states=_counted(nodes),
            diffs=[(number, node, _diffs(node.texts)) for number, node in enumerate(nodes) if node.texts],
            executions=executions,
            charts=_charts(executions),
            slowest=slowest(costs),
            most_rebuilt=most_rebuilt(costs),
            longest=max((cost.total_ms for cost in costs), default=0) or 1,
        )
    )


def content_policy() -> str:
    """Return the Content-Security-Policy: only the scripts and styles of this page, by their hashes, and no network."""
    scripts = " ".join(_hash_source(_text(name)) for name in SCRIPTS)
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash_source(_text(STYLE))}; "
        f"img-src data:; base-uri 'none'; form-action 'none'"
    )


def script_json(value: Any) -> str:
    """Return a value as JSON that can stand in a script element: no `<`, `>`, `&` or line separators in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "timestamp": _timestamp, "plural": count}
    environment.globals |= {"STATES": STATES}
    return environment


def _finalized(value: Any) -> Any:
    """Return what a template writes: texts without control characters, except for those of this package."""
    return printable(value) if type(value) is str else value


def _timestamp(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M") if time else ""


def _title(overview: Overview) -> str:
    environment = overview.plan.environment
    return printable(f"{environment.project} / {environment.target}")


def _headline(overview: Overview) -> str:
    execution = overview.execution
    return summary_line(overview.plan) if execution is None else execution_headline(execution)


def _counted(nodes: Iterable[ReportNode]) -> list[tuple[str, int]]:
    counted = Counter(node.state for node in nodes)
    return [(key, counted[key]) for key in STATES if counted[key]]


def _data(nodes: tuple[ReportNode, ...]) -> dict[str, Any]:
    """Return what the page's script needs; nodes name each other by their numbers."""
    numbers = {node.unique_id: number for number, node in enumerate(nodes)}
    return {
        "states": {
            key: {"label": state.label, "mark": state.mark, "due": state.is_due, "meaning": state.meaning}
            for key, state in STATES.items()
        },
        "nodes": [_node_data(node, numbers) for node in nodes],
    }


def _node_data(node: ReportNode, numbers: dict[str, int]) -> dict[str, Any]:
    document = {
        "id": node.unique_id,
        "name": node.name,
        "type": node.resource_type,
        "state": node.state,
        "folder": node.folder,
        "made": node.materialized,
        "path": node.path,
        "relation": node.relation,
        "parents": [numbers[parent] for parent in node.parents if parent in numbers],
        "reasons": node.reasons,
        "notes": node.notes,
        "cause": [numbers[each] for each in node.cause if each in numbers],
        "undeclared": node.undeclared,
        "built": _timestamp(node.built_at),
        "took": duration(node.duration_ms) if node.duration_ms is not None else "",
        "result": node.result,
        "history": [_past_data(past) for past in node.history],
        "diff": bool(node.texts),
    }
    return {name: value for name, value in document.items() if value not in ("", (), [], False)}


def _past_data(past: PastBuild) -> list[Any]:
    took = duration(past.duration_ms) if past.duration_ms is not None else ""
    rows = "" if past.rows is None else count(past.rows, "row")
    return [_timestamp(past.started_at), past.execution, past.status, past.is_success, took, rows, past.why]


def _diffs(texts: tuple[DifferingText, ...]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(printable(text.title), list(_diff_lines(text))) for text in texts]


def _diff_lines(text: DifferingText) -> Iterator[tuple[str, str]]:
    """Yield each line with its style: as built, now, or both."""
    before, now = (text.before or "").splitlines(), text.now.splitlines()
    styles = {"+": "add", "-": "del", "@": "at"}
    lines = list(difflib.unified_diff(before, now, "as built", "now", lineterm=""))
    for line in lines[2:_DIFF_LINES]:
        yield styles.get(line[:1], "same"), printable(line.expandtabs(4))
    if len(lines) > _DIFF_LINES:
        yield "at", f"... and {count(len(lines) - _DIFF_LINES, 'more line')}"


def _charts(executions: tuple[ExecutionRow, ...]) -> list[tuple[str, Chart]]:
    """Return the charts of executions over time, the oldest at the left."""
    if not executions:
        return []
    rows = executions[::-1]
    took = [
        Bar(parts=((f"run-{row.status}", row.duration_ms or 0),), title=f"{_about(row)}: {_took(row.duration_ms)}")
        for row in rows
    ]
    built = [
        Bar(
            parts=(
                ("part-built", row.built),
                ("part-failed", row.failed),
                ("part-saved", row.cut_off),
                ("part-skipped", row.skipped or 0),
            ),
            title=f"{_about(row)}: {row.built} built, {row.failed} failed or not reached, {row.cut_off} cut off, "
            f"{'?' if row.skipped is None else row.skipped} skipped",
        )
        for row in rows
    ]
    saved = [
        Bar(parts=(("part-saved", row.saved_ms or 0),), title=f"{_about(row)}: {_took(row.saved_ms)} saved")
        for row in rows
    ]
    most_nodes = max(row.built + row.failed + row.cut_off + (row.skipped or 0) for row in rows)
    return [
        ("Duration", bar_chart(took, _took(max(row.duration_ms or 0 for row in rows)))),
        ("Nodes: built, failed, skipped", bar_chart(built, count(most_nodes, "node"))),
        ("Saved by skipping", bar_chart(saved, _took(max(row.saved_ms or 0 for row in rows)))),
    ]


def _about(row: ExecutionRow) -> str:
    return f"{_timestamp(row.started_at)} {row.command} {row.status}"


def _took(milliseconds: int | None) -> str:
    return "?" if milliseconds is None else duration(milliseconds)
