"""Executions and failing nodes as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.history import ExecutionSummary, Failure, NodeResult
from dbt_state_plugin.core.values.overview import Executed
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.results import CUT_OFF
from dbt_state_plugin.report.markdown.document import LIMIT, Part, document
from dbt_state_plugin.report.markdown.escaping import cell, code
from dbt_state_plugin.report.markdown.graph import GraphNode, flowchart, parents_of_ephemeral
from dbt_state_plugin.report.markdown.plan import MARKER, differences, graph_part
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.states import (
    STATES,
    cut_off_words,
    execution_headline,
    recorded_reason_words,
    result_state,
)
from dbt_state_plugin.report.text import first_message, timestamp
from dbt_state_plugin.report.words import count, duration

_SHOWN_ROWS = 30
_ORDER = {key: number for number, key in enumerate(STATES)}


def execution_markdown(executed: Executed, *, limit: int = LIMIT) -> str:
    """Return one execution in at most `limit` bytes; without a project there is no lineage."""
    execution, project = executed.execution, executed.project
    results = sorted(execution.results, key=lambda each: (_ORDER[result_state(each)], each.unique_id))
    own = [each for each in results if not _is_test(each) or result_state(each) == "failed"]
    passed = [each for each in results if _is_test(each) and result_state(each) != "failed"]
    parts = [
        Part(
            items=(MARKER, f"### {cell(_headline(execution))}", _about(execution)),
            importance=9,
            noun="line",
            separator="\n\n",
        ),
        _table(own[:_SHOWN_ROWS], importance=7),
        _folded(own[_SHOWN_ROWS:], "more node", importance=3),
        _folded(passed, "test", importance=1),
        *([graph_part(flowchart(_graph_nodes(own, project), parents_of_ephemeral(project)))] if project else []),
        differences(text for result in results for text in executed.texts.get(result.unique_id, ())),
    ]
    return document(parts, limit)


def failures_markdown(failures: Iterable[Failure], *, limit: int = LIMIT) -> str:
    """Return the nodes that are failing now, in at most `limit` bytes."""
    failures = tuple(failures)
    rows = tuple(
        f"| {code(each.unique_id)} | {cell(each.status)} | {timestamp(each.since)} | {each.times} "
        f"| {cell(first_message(each.message))} |"
        for each in failures
    )
    headline = f"{count(len(failures), 'node')} failing" if failures else "No node is failing"
    begin = "| node | status | since | times in a row | message |\n|---|---|---|---|---|\n"
    return document(
        [
            Part(items=(MARKER, f"### {headline}"), importance=9, noun="line", separator="\n\n"),
            Part(items=rows, importance=1, noun="failing node", begin=begin),
        ],
        limit,
    )


def _headline(execution: ExecutionSummary) -> str:
    ended = execution.finished_at
    took = f" in {duration(round((ended - execution.started_at).total_seconds() * 1000))}" if ended else ""
    return f"{execution_headline(execution)}{took}"


def _about(execution: ExecutionSummary) -> str:
    message = f" {cell(without_colours(execution.message))}" if execution.message else ""
    commit = f", git commit {code(execution.git_commit[:12])}" if execution.git_commit else ""
    started = timestamp(execution.started_at)
    return (
        f"{code(execution.command)}, execution {code(str(execution.execution_id))}, started {started}{commit}.{message}"
    )


def _is_test(result: NodeResult) -> bool:
    return result.resource_type in ("test", "unit_test")


def _table(results: list[NodeResult], importance: int) -> Part:
    return Part(
        items=tuple(_row(result) for result in results),
        importance=importance,
        noun="node",
        begin="| | node | why | took | rows |\n|---|---|---|---:|---:|\n",
    )


def _folded(results: list[NodeResult], noun: str, importance: int) -> Part:
    return _table(results, importance).folded(count(len(results), noun))


def _row(result: NodeResult) -> str:
    why = [cell(recorded_reason_words(reason)) for reason in result.reasons[:3]]
    if result.message and result.status == CUT_OFF:
        why.insert(0, cell(cut_off_words(result)))
    elif result.message and not result.is_success:
        why.insert(0, f"**{cell(result.status)}** {cell(first_message(result.message))}")
    took = duration(result.duration_ms) if result.duration_ms is not None else ""
    rows = "" if result.rows_affected is None else str(result.rows_affected)
    name = (
        short_name(result.unique_id)
        if result.resource_type == "model"
        else f"{result.resource_type} {short_name(result.unique_id)}"
    )
    return f"| {STATES[result_state(result)].label} | {code(name)} | {'<br>'.join(why)} | {took} | {rows} |"


def _graph_nodes(results: Iterable[NodeResult], project: Project | None) -> list[GraphNode]:
    nodes = project.nodes if project else {}
    return [
        GraphNode(
            unique_id=result.unique_id,
            name=short_name(result.unique_id),
            state=result_state(result),
            path=nodes[result.unique_id].path if result.unique_id in nodes else "",
            parents=nodes[result.unique_id].parents if result.unique_id in nodes else (),
        )
        for result in results
        if not _is_test(result)
    ]
