"""Plans that were handed out, kept for a while."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from support.recording import ORDERS, REPORT, begun, ended, key_of, opened

from dbt_state_plugin.core.values.invocations import HandedPlan
from dbt_state_plugin.state.executions import finish_execution
from dbt_state_plugin.state.handed_plans import (
    KEPT_PLANS,
    executions_of,
    intended_since,
    note_invocation,
    read_handed_plans,
    recording_of,
    write_handed_plan,
)
from dbt_state_plugin.state.relations import server_time
from dbt_state_plugin.state.retention import prune
from dbt_state_plugin.state.state import State


def handed(state: State, *, days_ago: float = 0) -> HandedPlan:
    plan = HandedPlan(
        plan_id=uuid4(),
        handed_at=server_time(state) - timedelta(days=days_ago),
        versions={'"db"."raw"."orders"': "v1"},
        keeps_data=frozenset({"model.shop.a"}),
        session={"TimeZone": "UTC"},
    )
    write_handed_plan(state, plan)
    return plan


def test_a_plan_comes_back_as_it_was(state: State, prod: State) -> None:
    first = handed(state, days_ago=1)
    second = handed(state)

    assert read_handed_plans(state) == (first, second)
    assert read_handed_plans(prod) == ()


def test_the_oldest_and_the_many_are_forgotten(state: State, prod: State) -> None:
    other = handed(prod, days_ago=2)
    handed(state, days_ago=8)
    kept = [handed(state) for _ in range(KEPT_PLANS + 1)]

    assert read_handed_plans(state) == tuple(kept[1:])
    assert read_handed_plans(prod) == (other,)
    prune(state.connection, state.schema, keep_days=1)
    assert (len(read_handed_plans(state)), read_handed_plans(prod)) == (KEPT_PLANS, ())


def test_what_was_edited_by_hand_is_no_plan(state: State) -> None:
    handed(state)
    state.execute("UPDATE {state}.handed_plan SET content = 'nonsense'")

    assert read_handed_plans(state) == ()


def test_a_recording_is_known_when_it_came_to_its_end(state: State) -> None:
    for status, message, is_known in (("succeeded", "", True), ("failed", "", True), ("failed", "lost", False)):
        execution = begun(state, "record")
        note_invocation(state, execution, f"{status} {message}")
        assert recording_of(state, f"{status} {message}") is None
        finish_execution(state, execution, status=status, message=message)

        assert recording_of(state, f"{status} {message}") == (execution if is_known else None)
        assert executions_of(state, f"{status} {message}") == {execution}


def test_only_what_others_have_begun_to_write_since_counts(state: State) -> None:
    before = begun(state)
    opened(state, before, REPORT)
    ended(state, before, "failed")
    since = server_time(state)
    other = begun(state)
    opened(state, other, ORDERS)

    assert intended_since(state, since, invocation_id="i") == {key_of(ORDERS): str(other)}
    note_invocation(state, other, "i")
    assert intended_since(state, since, invocation_id="i") == {}
