"""Rows that earlier logic left in incremental models, snapshots and seeds.

dbt adds to such a relation and leaves what is there; only a build from scratch gives all rows by the present logic. It
fills the table of a seed again as it is; only a load from scratch gives it the present columns and types.
"""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.config.node_config import on_logic_change
from dbt_state_plugin.core.lineage import Lineage
from dbt_state_plugin.core.values.plan import ChangeCategory
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import OldRows, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RecordedRelation
from dbt_state_plugin.core.values.relations import TABLES


def accumulates(node: Node) -> bool:
    """Return whether dbt writes into the relation of a node as it stands instead of building it from nothing."""
    is_kept = node.materialized == "incremental" or node.resource_type == "seed"
    return (is_kept and node.full_refresh is not True) or node.resource_type == "snapshot"


def keeps_added_rows(node: Node) -> bool:
    """Return whether rows that something else has added to a table are still in it after a build."""
    return accumulates(node) and node.resource_type != "seed"  # dbt empties a seed's table


def is_written_in_place(node: Node) -> bool:
    """Return whether dbt writes into the table that is there, unless it is told to build from scratch."""
    return accumulates(node) or (node.resource_type == "seed" and node.full_refresh is not True)


def keeps_rows(node: Node) -> bool:
    """Return whether dbt never builds the relation of a node from scratch, whatever it is asked."""
    return node.full_refresh is False or node.resource_type == "snapshot"


def holds_rows(node: Node, record: RecordedRelation | None, reasons: Iterable[Reason]) -> bool:
    """Return whether a build of the node finds rows that an earlier one has left, and leaves them as they are."""
    if record is None or not accumulates(node) or record.identity is None or record.identity.kind not in TABLES:
        return False
    return all(reason.kind.has_rows for reason in reasons)


def is_logic_change(
    project: Project, lineage: Lineage, category: ChangeCategory | None, reasons: Iterable[Reason]
) -> bool:
    """Return whether the present logic of a node differs from that of its last build.

    The logic of ephemeral models and functions is that of the nodes that use them; that of tables and views is not.
    """
    if category is not None and category.is_logic:
        return True
    inside = {*lineage.inlined, *(each for each in lineage.parents if project.nodes[each].is_function)}
    return any(reason.kind is ReasonKind.UPSTREAM and reason.node in inside for reason in reasons)


def wants_rebuild(node: Node, *, is_asked: bool, default: str | None) -> bool:
    """Return whether rows of earlier logic are to be rebuilt, by the flag or by what is configured."""
    return not keeps_rows(node) and (is_asked or on_logic_change(node, default) == "full_refresh")


def older_rows_reason(record: RecordedRelation) -> Reason:
    """Return the reason to build from scratch a relation that holds rows of a logic that has changed since."""
    values = {"execution": record.trace.older_logic}
    is_seed = record.resource_type == "seed"
    code = ReasonCode.EARLIER_COLUMNS if is_seed else ReasonCode.EARLIER_LOGIC
    return Reason(kind=ReasonKind.LOGIC, code=code, values=values)


def old_rows(node: Node, *, is_asked: bool, is_full_refresh: bool, is_changed: bool, default: str | None) -> OldRows:
    """Return what a build does with rows of earlier logic; `is_changed` says that this very build brings a new one.

    `--full-refresh` and `--full-refresh-changed` win over what is configured, dbt's `full_refresh: false` over both.
    """
    rule = on_logic_change(node, default)
    is_forced = is_full_refresh or is_asked
    if is_changed and rule == "fail" and not is_forced:
        return OldRows.REFUSED
    if keeps_rows(node):
        return OldRows.PROTECTED
    return OldRows.REBUILT if is_forced or rule == "full_refresh" else OldRows.KEPT


def older_logic_after(rows: OldRows | None, record: RecordedRelation | None, execution: str) -> str:
    """Return what to record after a build: the execution since which the relation holds rows of earlier logic."""
    if rows is None or rows is OldRows.REBUILT:
        return ""
    return (record.trace.older_logic if record is not None else "") or execution
