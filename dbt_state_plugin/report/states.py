"""States of nodes for pages and pictures, one word each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dbt_state_plugin.core.values.history import ExecutionSummary, NodeResult
from dbt_state_plugin.core.values.plan import Decision, PlanEntry
from dbt_state_plugin.core.values.reasons import Category, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.results import CUT_OFF
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.text import first_message
from dbt_state_plugin.report.words import FIRST_CATEGORIES, category, count


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """A state: its `key` in pages, a `label` for display, a `mark` that shows it without colour, and its meaning.

    `is_due`: a build is, or was, asked for.
    """

    key: str
    label: str
    mark: str
    meaning: str
    is_due: bool = True


STATES: Mapping[str, NodeState] = {
    state.key: state
    for state in (
        NodeState(key="failed", label="failed", mark="✕", meaning="failed, and is built again"),
        NodeState(key="not_built", label="not built", mark="…", meaning="was due and not reached; stays due"),
        NodeState(key="missing", label="missing", mark="∅", meaning="its relation does not exist"),
        NodeState(key="repaired", label="repaired", mark="!", meaning="its relation is not what was recorded"),
        NodeState(key="new", label="new", mark="+", meaning="no build of it is recorded"),
        NodeState(key="changed", label="changed", mark="~", meaning="its definition changed"),
        NodeState(key="forced", label="forced", mark="»", meaning="asked for"),
        NodeState(key="data", label="data", mark="≈", meaning="it reads other rows than before"),
        NodeState(key="downstream", label="downstream", mark="↓", meaning="something that it reads is built"),
        NodeState(key="volatile", label="volatile", mark="◷", meaning="due only because of time"),
        NodeState(key="later", label="later", mark="‥", meaning="due, and not built now"),
        NodeState(
            key="cut_off", label="cut off", mark="=", meaning="what it reads came out equal, so it was not built"
        ),
        NodeState(key="removed", label="removed", mark="-", meaning="no longer a node; its relation may still exist"),
        NodeState(key="skipped", label="skipped", mark="", meaning="nothing asks for a build", is_due=False),
        NodeState(key="inlined", label="ephemeral", mark="", meaning="dbt inlines it into its readers", is_due=False),
        NodeState(key="source", label="source", mark="", meaning="written by something else", is_due=False),
        NodeState(key="exposure", label="exposure", mark="", meaning="reads what the project builds", is_due=False),
    )
}
_NOT_REACHED = frozenset({"planned", "skipped", "not reported"})
_KINDS = {kind.value: kind for kind in ReasonKind}


def plan_state(entry: PlanEntry) -> str:
    """Return the key of the state that a plan gives a node."""
    if entry.outside_selection:
        return "later"
    if entry.decision is not Decision.BUILD:
        return "skipped"
    return _refined(category(entry), entry.reasons)


def _refined(word: str, reasons: Iterable[Reason]) -> str:
    """Return what of `repaired` is known better."""
    if word != Category.REPAIRED.value:
        return word
    kinds = {reason.kind for reason in reasons}
    if ReasonKind.MISSING in kinds:
        return "missing"
    codes = {reason.code for reason in reasons}
    if codes & {ReasonCode.BUILD_FAILED, ReasonCode.TEST_FAILED}:
        return "failed"
    return "not_built" if ReasonCode.NOT_REACHED in codes else word


def result_state(result: NodeResult) -> str:
    """Return the key of the state that an execution gave a node."""
    if result.status == CUT_OFF:
        return "cut_off"
    if result.status in _NOT_REACHED:
        return "not_built"
    if not result.is_success:
        return "failed"
    found = {_category(reason) for reason in result.reasons}
    word = next((each.value for each in FIRST_CATEGORIES if each in found), Category.FORCED.value)
    is_missing = any(reason.get("kind") == ReasonKind.MISSING.value for reason in result.reasons)
    return "missing" if word == Category.REPAIRED.value and is_missing else word


def _category(reason: Mapping[str, Any]) -> Category | None:
    kind = _KINDS.get(str(reason.get("kind", "")))
    if kind is None:
        return None
    values = reason.get("values")
    return Category.CHANGED if isinstance(values, Mapping) and values.get("ephemeral") else kind.category


def recorded_reason_words(reason: Mapping[str, Any]) -> str:
    """Return a reason as the state holds it as a short phrase that starts with its kind."""
    node = str(reason.get("node") or "")
    where = f"{short_name(node)} " if node else ""
    return printable(f"{reason.get('kind', '')}: {where}{reason.get('detail', '')}".rstrip())


def cut_off_words(result: NodeResult) -> str:
    """Return why a node was cut off, without saying that it was."""
    return printable(first_message(result.message).removeprefix("cut off: "))


def execution_headline(execution: ExecutionSummary) -> str:
    """Return how an execution ended in a few words; what was cut off was not built."""
    words = f"{execution.status.capitalize()}: {execution.built} of {count(execution.planned, 'node')} built"
    return f"{words}, {execution.cut_off} cut off" if execution.cut_off else words
