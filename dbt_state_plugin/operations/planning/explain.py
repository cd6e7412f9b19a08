"""Texts that differ between what was built and what would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt_state_plugin.core.changes.categorize import spelled_hooks
from dbt_state_plugin.core.values.history import NodeResult
from dbt_state_plugin.core.values.overview import DifferingText
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.project import CompiledNode
from dbt_state_plugin.core.values.reasons import ReasonKind
from dbt_state_plugin.core.values.results import CUT_OFF
from dbt_state_plugin.operations.planning.inputs import Planned
from dbt_state_plugin.operations.session import Session
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.state.node_history import read_newest_result
from dbt_state_plugin.state.relations import read_definitions, recorded_code

_FORM_WORDS = {"sql": "compiled SQL", "incremental": "compiled SQL of an incremental run"}
_HOOKS = {"hooks": (ReasonKind.HOOKS, "hooks"), "project_hooks": (ReasonKind.PROJECT_HOOKS, "hooks of the project")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decision about a node; `path` leads to its first cause, and `texts` are those of the cause.

    `cut_off` is its newest result where that says that it was cut off.
    """

    planned: Planned
    entry: PlanEntry
    path: tuple[PlanEntry, ...]
    texts: tuple[DifferingText, ...] = field(default=())
    cut_off: NodeResult | None = None


def differing_texts(session: Session, planned: Planned, entry: PlanEntry) -> tuple[DifferingText, ...]:
    """Return the raw code where it was edited, and the compiled SQL where something else shows in it."""
    record = entry.record
    kinds = {reason.kind for reason in entry.reasons}
    if record is None or not session.has_state:
        return ()
    if ReasonKind.BODY in kinds and entry.node.raw_code:
        before = recorded_code(session.state, record.raw_definition_id)
        return (differing_code(entry.node.unique_id, before, entry.node.raw_code),)
    now = planned.categorized.compiled.get(entry.node.unique_id)
    if now is None:
        return ()
    document = read_definitions(session.state, [record.relation])[record.relation].compiled
    return tuple(text for text in _compiled_texts(entry, document, now, kinds) if text.before != text.now)


def differing_code(unique_id: str, before: str | None, now: str) -> DifferingText:
    """Return the raw code of a node as it was and as it is, titled as all outputs name the node."""
    return DifferingText(title=f"code of {short_name(unique_id)}", before=before, now=now)


def last_cut_off(session: Session, entry: PlanEntry) -> NodeResult | None:
    """Return how a node was cut off by its newest result, None where that was built since or it is to be built."""
    if entry.reasons or not session.has_state:
        return None
    found = read_newest_result(session.state, entry.node.unique_id)
    return found if found is not None and found.status == CUT_OFF else None


def texts_by_node(session: Session, planned: Planned) -> Mapping[str, tuple[DifferingText, ...]]:
    """Return the texts that differ by the unique_id of the node; none if no SQL may be stored.

    An earlier text that is not kept is left out with the present one.
    """
    if not session.target.stores_sql:
        return {}
    found = {}
    for entry in planned.plan.entries:
        if any(not reason.kind.comes_from_above for reason in entry.reasons):
            texts = differing_texts(session, planned, entry)
            found[entry.node.unique_id] = tuple(text for text in texts if text.before is not None)
    return {node: texts for node, texts in found.items() if texts}


def _compiled_texts(
    entry: PlanEntry, document: Mapping[str, Any], now: CompiledNode, kinds: set[ReasonKind]
) -> list[DifferingText]:
    is_kept = not document.get("hashed")
    found = []
    if any(kind.shows_in_sql for kind in kinds):
        forms = document.get("forms") or {}
        for form, text in now.forms.items():
            title = f"{_FORM_WORDS.get(form, form)} of {short_name(entry.node.unique_id)}"
            found.append(DifferingText(title=title, before=forms.get(form) if is_kept else None, now=text))
    for part, (kind, words) in _HOOKS.items():
        texts = now.hooks if part == "hooks" else now.project_hooks
        if kind in kinds and texts is not None:
            before = _lines(document.get(part) or ()) if is_kept else None
            found.append(
                DifferingText(title=f"rendered {words}", before=before, now=_lines(spelled_hooks(part, texts)))
            )
    return found


def _lines(hooks: Iterable[str | None]) -> str:
    return "\n".join("-- a hook that is rendered only when it runs" if each is None else each for each in hooks)
