"""Recordings of what dbt built by itself, as text and JSON."""

from __future__ import annotations

from typing import Any

from dbt_state_plugin.core.values.invocations import RecordedNode, Recording, RecordResult
from dbt_state_plugin.report.cause_words import cause_code, cause_words
from dbt_state_plugin.report.document import VERSION, environment_document
from dbt_state_plugin.report.folding import FOLD_AFTER, more_line
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.width import truncated
from dbt_state_plugin.report.words import count

_WORDS = {
    Recording.RECORDED: "recorded",
    Recording.KNOWN: "known",
    Recording.SKIPPED: "skipped",
    Recording.DUE: "due",
    Recording.FAILED: "failed",
}
_FOLDED = frozenset({Recording.RECORDED, Recording.KNOWN, Recording.SKIPPED})


def recording_lines(result: RecordResult, *, width: int | None = None) -> list[str]:
    """Return a line for each node; those that stay due come last and are never folded."""
    lines = []
    again = [each for each in result.of(Recording.RECORDED) if each.unseen]
    for recording in _WORDS:
        found = [each for each in result.of(recording) if each not in again]
        is_folded = len(found) > FOLD_AFTER and recording in _FOLDED
        lines += [_line(_WORDS[recording], each) for each in (found[:FOLD_AFTER] if is_folded else found)]
        lines += [more_line(len(found) - FOLD_AFTER, "`--output json` lists them", column=10)] if is_folded else []
    lines += [_line("again", each) for each in again]
    return [truncated(line, width) for line in lines]


def _line(word: str, node: RecordedNode) -> str:
    why = " ".join(cause_words(node.why).split()) or unseen_words(node)
    return printable(f"  {word:<8}  {short_name(node.unique_id)}" + (f"  {why}" if why else ""))


def unseen_words(node: RecordedNode) -> str:
    """Return what a node read whose version was not known before, or nothing."""
    names = ", ".join(short_name(each) for each in node.unseen)
    return f"is built once more: nobody had looked at {names} before dbt began" if names else ""


def recording_summary(result: RecordResult) -> str:
    """Return what was done in one line."""
    what = f"dbt's invocation {result.invocation_id[:8]}"
    if result.is_known:
        return f"Execution {result.execution_id} recorded {what} already; there is nothing to do."
    again = len([each for each in result.of(Recording.RECORDED) if each.unseen])
    parts = [f"{count(len(result.of(Recording.RECORDED)), 'node')} of {what} recorded"]
    for number, words in (
        (len(result.of(Recording.FAILED)), "failed"),
        (len(result.of(Recording.DUE)), "not certain, so due"),
        (again, "due once more"),
        (len(result.of(Recording.KNOWN)), "known already"),
        (len(result.of(Recording.SKIPPED)), "skipped"),
    ):
        parts += [f"{number} {words}"] if number else []
    plan = f" Plan {str(result.plan_id)[:8]}." if result.plan_id else ""
    return f"{', '.join(parts)}.{plan} Execution {result.execution_id}."


def recording_document(result: RecordResult) -> dict[str, Any]:
    """Return the outcome for each node; `plan_id` is null if no plan from before dbt began is kept."""
    return {
        "version": VERSION,
        "environment": environment_document(result.environment),
        "invocation_id": result.invocation_id,
        "execution_id": str(result.execution_id),
        "plan_id": str(result.plan_id) if result.plan_id else None,
        "known": result.is_known,
        "nodes": [
            {
                "unique_id": each.unique_id,
                "outcome": each.recording.value,
                "why": cause_words(each.why),
                "code": cause_code(each.why),
                "unseen": list(each.unseen),
            }
            for each in result.nodes
        ],
    }
