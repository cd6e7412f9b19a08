"""Plans and comparisons as Markdown: summary, reasons, differing SQL and lineage."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dbt_state_plugin.core.comparison.baseline import Compared
from dbt_state_plugin.core.values.overview import DifferingText
from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.report.against import compared_summary, comparison_warnings
from dbt_state_plugin.report.markdown.document import LIMIT, Part, document
from dbt_state_plugin.report.markdown.escaping import cell, code, fenced
from dbt_state_plugin.report.markdown.graph import Graph, GraphNode, flowchart, parents_of_ephemeral
from dbt_state_plugin.report.printable import printable, relation_shown
from dbt_state_plugin.report.reason_words import hook_words, reason_words, short_name
from dbt_state_plugin.report.states import STATES, plan_state
from dbt_state_plugin.report.text import if_words, label
from dbt_state_plugin.report.words import count, summary_line

MARKER = "<!-- dbt-state-plugin -->"  # by which a workflow finds the comment that it wrote before
_SHOWN_ROWS = 30  # in the table; the rest is folded
_SHOWN_REASONS = 3
_DIFF_LINES = 120
_DIFF_BYTES = 8000
_ORDER = {key: number for number, key in enumerate(STATES)}
Texts = Mapping[str, tuple[DifferingText, ...]]


def plan_markdown(
    plan: Plan, project: Project | None, texts: Texts, *, compared: Compared | None = None, limit: int = LIMIT
) -> str:
    """Return a plan, or a comparison, in at most `limit` bytes; without a project there is no lineage."""
    headline = compared_summary(compared) if compared else summary_line(plan)
    entries = sorted((*plan.to_build, *plan.waiting), key=_rank)
    own = [entry for entry in entries if not entry.node.is_test]
    tests = [entry for entry in entries if entry.node.is_test]
    parts = [
        Part(
            items=(MARKER, f"### {cell(headline)}", _about(plan, compared)), importance=9, noun="line", separator="\n\n"
        ),
        Part(
            items=tuple(f"> **warning** {cell(each)}" for each in comparison_warnings(compared)),
            importance=8,
            noun="warning",
        ),
        _table(own[:_SHOWN_ROWS], importance=7),
        _folded_table(own[_SHOWN_ROWS:], "node", importance=3),
        _folded_table(tests, "test", importance=1),
        _removed(plan, compared),
        _hooks(plan),
        _exposures(plan),
        _cosmetic(plan),
        graph_part(flowchart(_graph_nodes(plan, own), parents_of_ephemeral(project))) if project else _NOTHING,
        differences(text for entry in entries for text in texts.get(entry.node.unique_id, ())),
    ]
    return document(parts, limit)


_NOTHING = Part(items=(), importance=0, noun="")


def _rank(entry: PlanEntry) -> tuple[int, str]:
    return _ORDER[plan_state(entry)], entry.node.unique_id


def _about(plan: Plan, compared: Compared | None) -> str:
    if compared:
        return (
            f"Compared with {code(compared.baseline.name)}: what the code alone changes, whatever the relations hold."
        )
    environment = plan.environment
    return f"What {code(plan.command)} would build in {code(f'{environment.project}/{environment.target}')}."


def _table(entries: list[PlanEntry], importance: int) -> Part:
    return Part(
        items=tuple(_row(entry) for entry in entries),
        importance=importance,
        noun="node",
        begin="| | node | why |\n|---|---|---|\n",
    )


def _folded_table(entries: list[PlanEntry], noun: str, importance: int) -> Part:
    more = "more " if noun == "node" else ""
    return replace(_table(entries, importance), noun=noun).folded(count(len(entries), f"{more}{noun}"))


def _row(entry: PlanEntry) -> str:
    state = STATES[plan_state(entry)]
    words = [cell(reason_words(reason)) for reason in entry.reasons[:_SHOWN_REASONS]]
    more = len(entry.reasons) - _SHOWN_REASONS
    hanging = [cell(f"only {if_words(entry)}")] if entry.hangs_on else []
    why = "<br>".join([*words, *([f"(+{more} more)"] if more > 0 else []), *hanging])
    return f"| {state.label} | {code(label(entry))} | {why} |"


def _removed(plan: Plan, compared: Compared | None) -> Part:
    removed: Iterable[tuple[str, str]]
    if compared:
        removed = [(each.unique_id, each.relation) for each in compared.removed]
    else:
        removed = [(each.unique_id, str(each.relation)) for each in plan.removed]
    items = [
        f"- {code(unique_id)}" + (f", relation {code(relation_shown(relation))}" if relation else "")
        for unique_id, relation in removed
    ]
    return Part(items=tuple(items), importance=6, noun="removed node", begin="**Removed** from the project:\n\n")


def _hooks(plan: Plan) -> Part:
    items = tuple(f"- {code(short_name(hook))}: {cell(hook_words(why))}" for hook, why in plan.hooks.items())
    return Part(items=items, importance=5, noun="hook", begin="**Hooks** of the project:\n\n")


def _exposures(plan: Plan) -> Part:
    items = tuple(
        f"- {cell(each.exposure.kind)} {code(each.exposure.name)}"
        + (f", of {cell(each.exposure.owner)}" if each.exposure.owner else "")
        + f": reads {', '.join(code(short_name(node)) for node in each.below[:5])}"
        for each in plan.exposures
    )
    return Part(items=items, importance=6, noun="exposure", begin="**Feeds:**\n\n")


def _cosmetic(plan: Plan) -> Part:
    entries = [entry for entry in plan.skipped if entry.cosmetic]
    items = tuple(f"- {code(label(entry))}: {cell(reason_words(entry.cosmetic[0]))}" for entry in entries)
    return Part(items=items, importance=0, noun="node").folded(f"{count(len(entries), 'node')} edited without effect")


def _graph_nodes(plan: Plan, entries: Iterable[PlanEntry]) -> list[GraphNode]:
    nodes = [
        GraphNode(
            unique_id=entry.node.unique_id,
            name=short_name(entry.node.unique_id),
            state=plan_state(entry),
            path=entry.node.path,
            parents=entry.node.parents,
        )
        for entry in entries
    ]
    exposures = [
        GraphNode(unique_id=each.exposure.unique_id, name=each.exposure.name, state="exposure", parents=each.below)
        for each in plan.exposures
    ]
    return [*nodes, *exposures]


def graph_part(graph: Graph | None) -> Part:
    """Return a picture as a part of a document, folded where it shows folders instead of nodes."""
    if graph is None:
        return _NOTHING
    block = fenced(graph.text, "mermaid")
    if graph.is_folded:
        block = f"<details><summary>Lineage of {graph.nodes} nodes, by folders</summary>\n\n{block}\n\n</details>"
    return Part(items=(block,), importance=4, noun="picture of the lineage")


def differences(texts: Iterable[DifferingText]) -> Part:
    """Return a folded block for each text that differs; the last of the list are shortened first."""
    items = tuple(
        f"<details><summary>{cell(text.title)}</summary>\n\n{fenced(_diff(text), 'diff')}\n\n</details>"
        for text in texts
    )
    return Part(items=items, importance=2, noun="difference", begin="**SQL that differs**\n\n", separator="\n\n")


def _diff(text: DifferingText) -> str:
    before, now = (text.before or "").splitlines(), text.now.splitlines()
    lines = list(difflib.unified_diff(before, now, "as built", "now", lineterm=""))
    shown = [printable(line.expandtabs(4)) for line in lines[2 : _DIFF_LINES + 2]]
    while shown and sum(len(line.encode("utf-8", "replace")) + 1 for line in shown) > _DIFF_BYTES:
        shown.pop()
    left = len(lines) - 2 - len(shown)
    return "\n".join([*shown, *([f"... and {count(left, 'more line')}"] if left > 0 else [])])
