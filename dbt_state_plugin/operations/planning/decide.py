"""Decision about a project, with what only recorded SQL can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.categorize import gives_the_same_rows
from dbt_state_plugin.core.decision.request import PlanRequest
from dbt_state_plugin.core.decision.rule import make_plan, may_keep_rows
from dbt_state_plugin.core.decision.volatile_reasons import read_volatile
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.plan import ChangeCategory, Plan
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.records import Recorded, RecordedDefinition
from dbt_state_plugin.core.values.relations import Catalog
from dbt_state_plugin.operations.target import invocation_of
from dbt_state_plugin.state.relations import read_definitions

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def decide(
    session: Session,
    project: Project,
    recorded: Recorded,
    catalog: Catalog,
    request: PlanRequest,
    categories: Mapping[str, ChangeCategory] | None = None,
) -> Plan:
    """Return the plan; raises ProjectError as `make_plan` does.

    Where a relation is built only for an index or the like, its recorded SQL is read to tell whether its rows come out
    alike; then what reads it is skipped, which may leave others to be asked about.
    """
    asked: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()
    while True:
        plan = make_plan(project, recorded, catalog, request, categories, same)
        fresh = may_keep_rows(plan) - asked
        alike = _that_give_the_same_rows(session, project, recorded, fresh) if fresh else frozenset()
        if not alike:
            return plan
        asked, same = asked | fresh, same | alike


def _that_give_the_same_rows(
    session: Session, project: Project, recorded: Recorded, nodes: frozenset[str]
) -> frozenset[str]:
    keys = {node: record_key(project.nodes[node], project) for node in nodes}
    known = read_definitions(session.state, keys.values()) if session.has_state else {}
    dialect = invocation_of(session.target).dialect
    found = set()
    for node, key in keys.items():
        definition, record = known.get(key, RecordedDefinition()), recorded.relations.get(key)
        volatile = read_volatile(project.nodes[node], record) if record is not None else project.nodes[node].volatile
        if gives_the_same_rows(project.nodes[node], definition.items, definition.compiled, dialect, volatile=volatile):
            found.add(node)
    return frozenset(found)
