"""Plans handed out for a dbt that runs by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from dbt_state_plugin.core.values.invocations import HandedPlan
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.session_of_dbt import session_settings
from dbt_state_plugin.state.handed_plans import write_handed_plan
from dbt_state_plugin.state.relations import server_time

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.plan import Plan
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.target import Target


def hand_out(target: Target, plan: Plan) -> UUID | None:
    """Keep what a plan saw, for `record`; return its id, None if there is nothing to keep or no right to do so."""
    if not plan.entries:  # an earlier empty plan is still up to date: what builds have seen says it all
        return None
    try:
        with open_session(target) as session:
            keeps_data = (entry.node.unique_id for entry in plan.to_build if entry.keeps_data)
            return keep_versions(session, plan.parent_versions, keeps_data)
    except PluginError:  # the list is right without it; `record` then leaves more due
        return None


def keep_versions(session: Session, versions: Mapping[RelationName, str], keeps_data: Iterable[str] = ()) -> UUID:
    """Keep the versions of relations as they are; raises StateError."""
    plan = HandedPlan(
        plan_id=uuid4(),
        handed_at=server_time(session.state),
        versions={str(relation): version for relation, version in versions.items()},
        keeps_data=frozenset(keeps_data),
        session=session_settings(session),
    )
    write_handed_plan(session.state, plan)
    return plan.plan_id
