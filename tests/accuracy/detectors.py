"""Detectors of changes, and the nodes that each names.

- `dbt-state-plugin`: the nodes of its plan with a reason other than `upstream`. An upstream reason counts that names an
  ephemeral model, since that model's code is part of the node's own statement, or a view that is planned for nothing
  but the data of a source, since a view stores none.
- `state:modified`, as it is and with both behaviour flags (`state_modified_compare_more_unrendered_values`,
  `state_modified_compare_vars`). An ephemeral model on its list stands for the nodes that its code goes into.
- `file checksum`: sha256 of each node's own file.
- `compiled SQL`: a checksum of what `dbt compile` gives on the present warehouse, white space normalised; of a seed, of
  its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "dbt-state-plugin"
DETECTORS = (OURS, "state:modified", "state:modified + flags", "file checksum", "compiled SQL")

Nodes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a detector says; `planned`, `hooks` (on-run hooks to execute) and `reasons` are known of our plan only."""

    changed: frozenset[str]
    removed: frozenset[str] = frozenset()
    planned: frozenset[str] = frozenset()
    hooks: frozenset[str] = frozenset()
    reasons: Mapping[str, list[str]]


def plan_answer(document: Mapping[str, Any], nodes: Nodes) -> Answer:
    """Read the answer from `plan --output json`."""
    built = {
        entry["unique_id"]: entry["reasons"]
        for entry in document["nodes"]
        if entry["decision"] == "build" and entry["unique_id"] in nodes
    }
    looked_through = {node for node, facts in nodes.items() if facts["materialized"] == "ephemeral"}
    while views := _views_for_data_only(built, nodes, looked_through) - looked_through:
        looked_through |= views
    own = {
        node
        for node, reasons in built.items()
        if any(reason["kind"] != "upstream" or reason.get("node") in looked_through for reason in reasons)
    }
    removed = {entry["unique_id"] for entry in document["removed"]}
    return Answer(
        changed=frozenset(own),
        removed=frozenset(
            node for node in removed if node.startswith(_WITH_RELATION) and not _has_relation(node, nodes)
        ),
        planned=frozenset(built),
        hooks=frozenset(hook["unique_id"] for hook in document["hooks"]),
        reasons={
            node: [f"{reason['kind']}: {reason['detail']} {reason.get('node', '')}".strip() for reason in reasons]
            for node, reasons in built.items()
        },
    )


_WITH_RELATION = ("model.", "seed.", "snapshot.")


def _has_relation(node: str, nodes: Nodes) -> bool:
    return node in nodes and nodes[node]["materialized"] != "ephemeral"


def _views_for_data_only(built: Mapping[str, list[dict[str, str]]], nodes: Nodes, through: set[str]) -> set[str]:
    views = {node for node, facts in nodes.items() if facts["materialized"] == "view"}
    return {
        node
        for node, reasons in built.items()
        if node in views
        and all(reason["kind"] == "data" or (reason.get("node") in through & views) for reason in reasons)
    }


def other_answers(told: Mapping[str, Any], base_nodes: Nodes, base_compiled: Mapping[str, str]) -> dict[str, Answer]:
    """Read the answers of the others from what `answers_of_others` told."""
    nodes: Nodes = told["nodes"]
    files = {node: facts["file"] for node, facts in nodes.items() if facts["type"] != "source"}
    base_files = {node: facts["file"] for node, facts in base_nodes.items() if facts["type"] != "source"}
    return {
        "state:modified": _listed(told["modified"], nodes),
        "state:modified + flags": _listed(told["modified_with_flags"], nodes),
        "file checksum": _compared(base_files, files, base_nodes, nodes),
        "compiled SQL": _compared(base_compiled, told["compiled"], base_nodes, nodes),
    }


def _listed(listed: Iterable[str], nodes: Nodes) -> Answer:
    return Answer(changed=_with_relation(listed, nodes), reasons={})


def _compared(before: Mapping[str, str], after: Mapping[str, str], base_nodes: Nodes, nodes: Nodes) -> Answer:
    changed = _with_relation((node for node in after if before.get(node) != after[node]), nodes)
    removed = {node for node in before.keys() - after.keys() if base_nodes[node]["materialized"] != "ephemeral"}
    return Answer(changed=changed, removed=frozenset(removed), reasons={})


def _with_relation(found: Iterable[str], nodes: Nodes) -> frozenset[str]:
    """Replace ephemeral models by the nodes that their code goes into."""
    answer: set[str] = set()
    todo = [node for node in found if node in nodes]
    while todo:
        node = todo.pop()
        if nodes[node]["materialized"] == "ephemeral":
            todo += [child for child, facts in nodes.items() if node in facts["parents"]]
        else:
            answer.add(node)
    return frozenset(answer)
