"""Reasons from volatile SQL: calls that read the clock or random numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbt_state_plugin.core.config.node_config import volatile_rule
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RecordedRelation


def volatile_reasons(
    node: Node,
    record: RecordedRelation,
    parents: Iterable[tuple[Node, RecordedRelation | None]],
    *,
    default: str | None,
) -> list[Reason]:
    """Return a reason for volatile values in its Jinja, volatile calls in its SQL, and those in views and functions.

    A view holds no rows: it computes them when it is read, so what reads it is built. `default` is the rule for nodes
    that have none of their own.
    """
    if not _is_due(node, record, default):
        return []
    reasons = [_reason(ReasonCode.JINJA_READS, name=name) for name in read_volatile(node, record)]
    if _computes_when_read(node):
        return reasons
    if record.trace.volatile:
        reasons.append(_reason(ReasonCode.SQL_CALLS, calls=list(record.trace.volatile)))
    for parent, its_record in parents:
        called = its_record.trace.volatile if its_record is not None and _computes_when_read(parent) else None
        if called and volatile_rule(parent, default) != "never":
            reasons.append(_reason(ReasonCode.PARENT_CALLS, parent.unique_id, calls=list(called)))
    return reasons


def read_volatile(node: Node, record: RecordedRelation) -> tuple[str, ...]:
    """Return what its Jinja reads that differs on every run: as it was seen, else as the words of its code say."""
    return node.volatile if record.trace.reads is None else record.trace.reads.volatile


def _is_due(node: Node, record: RecordedRelation, default: str | None) -> bool:
    rule = volatile_rule(node, default)
    return rule == "always" or (rule == "daily" and not record.is_of_today)


def _computes_when_read(node: Node) -> bool:
    return node.is_view or node.is_function


def _reason(code: ReasonCode, node: str = "", **values: Any) -> Reason:
    return Reason(kind=ReasonKind.VOLATILE, code=code, node=node, values=values)
