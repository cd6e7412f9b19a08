"""Lineage of what changes as a Mermaid flowchart that stays readable."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.report.markdown.escaping import mermaid_label
from dbt_state_plugin.report.states import STATES
from dbt_state_plugin.report.words import count

MOST_NODES = 30  # with more, nodes are shown by their folders
_MOST_EDGES = 150
# Outlines only: the text keeps the colour that the reader's theme gives it.
_COLOURS = {
    "failed": "#dc2626",
    "not_built": "#db2777",
    "missing": "#d97706",
    "repaired": "#b45309",
    "new": "#7c3aed",
    "changed": "#2563eb",
    "forced": "#9333ea",
    "data": "#0d9488",
    "downstream": "#0891b2",
    "volatile": "#65a30d",
    "later": "#64748b",
    "cut_off": "#15803d",
    "removed": "#78716c",
    "exposure": "#be5a8e",
    "skipped": "#8b95a5",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node of a picture; `parents` are the unique_ids of all that it reads, shown or not."""

    unique_id: str
    name: str
    state: str
    path: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A flowchart as Mermaid's text; `is_folded` where folders stand for nodes."""

    text: str
    nodes: int
    is_folded: bool


def parents_of_ephemeral(project: Project | None) -> dict[str, tuple[str, ...]]:
    """Return what each ephemeral model reads: it is not shown but passed through."""
    nodes = project.nodes.values() if project else ()
    return {node.unique_id: node.parents for node in nodes if node.is_ephemeral}


def flowchart(nodes: Iterable[GraphNode], hidden: Mapping[str, tuple[str, ...]]) -> Graph | None:
    """Return the flowchart of these nodes, None if it would show nothing.

    `hidden` maps nodes that are not shown but passed through (ephemeral models) to what they read.
    """
    shown = {node.unique_id: node for node in nodes}
    if not shown:
        return None
    edges = [(parent, node.unique_id) for node in shown.values() for parent in _shown_above(node, shown, hidden)]
    if len(shown) <= MOST_NODES:
        labels = {each: (f"{node.name} ({STATES[node.state].label})", node.state) for each, node in shown.items()}
        return Graph(text=_text(labels, edges), nodes=len(shown), is_folded=False)
    place = _folders(shown.values())
    groups: dict[str, list[GraphNode]] = {}
    for each, node in shown.items():
        groups.setdefault(place[each], []).append(node)
    folded = dict.fromkeys((place[a], place[b]) for a, b in edges if place[a] != place[b])
    labels = {folder: _group(folder, inside) for folder, inside in groups.items()}
    return Graph(text=_text(labels, list(folded)), nodes=len(shown), is_folded=True)


def _shown_above(
    node: GraphNode, shown: Mapping[str, GraphNode], hidden: Mapping[str, tuple[str, ...]]
) -> dict[str, None]:
    """Return the nodes of the picture that a node reads, also through those that are passed."""
    found: dict[str, None] = {}
    todo, seen = list(node.parents), set(node.parents)
    while todo:
        parent = todo.pop(0)
        if parent in shown:
            found[parent] = None
            continue
        above = [each for each in hidden.get(parent, ()) if each not in seen]
        seen.update(above)
        todo += above
    return found


def _folders(nodes: Iterable[GraphNode]) -> dict[str, str]:
    """Return the folder that stands for each node: as deep as leaves few enough of them."""
    paths = {node.unique_id: (posixpath.dirname(node.path) or node.state).split("/") for node in nodes}
    depth = max(map(len, paths.values()))
    while depth > 1 and len({tuple(parts[:depth]) for parts in paths.values()}) > MOST_NODES:
        depth -= 1
    folders = {each: "/".join(parts[:depth]) for each, parts in paths.items()}
    if len(set(folders.values())) <= MOST_NODES:
        return folders
    largest = {folder for folder, _ in Counter(folders.values()).most_common(MOST_NODES - 1)}
    return {each: folder if folder in largest else "other folders" for each, folder in folders.items()}


def _group(folder: str, nodes: list[GraphNode]) -> tuple[str, str]:
    counted = Counter(node.state for node in nodes)
    order = [key for key in STATES if counted[key]]
    return f"{folder}: {count(len(nodes), 'node')}", order[0] if len(order) == 1 else max(
        order, key=counted.__getitem__
    )


def _text(labels: Mapping[str, tuple[str, str]], edges: list[tuple[str, str]]) -> str:
    """Return the flowchart; nodes have numbers, so that no name of a user is part of the syntax."""
    numbers = {each: f"n{number}" for number, each in enumerate(labels)}
    lines = ["flowchart LR"]
    lines += [f"  {numbers[each]}[{mermaid_label(label)}]:::{state}" for each, (label, state) in labels.items()]
    lines += [f"  {numbers[parent]} --> {numbers[child]}" for parent, child in edges[:_MOST_EDGES]]
    used = dict.fromkeys(state for _, state in labels.values())
    lines += [f"  classDef {state} stroke:{_COLOURS[state]},stroke-width:2px" for state in used]
    return "\n".join(lines)
