"""The record of a build: all or nothing, under the lock."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from support.database import Database
from support.recording import ORDERS, REPORT, TABLE, begun, build_of, built, key_of, opened
from support.values import HERE

from dbt_state_plugin.core.values.records import RecordedDefinition, RowsLeft, TracedReads
from dbt_state_plugin.core.values.relations import Identity, RelationKind
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.errors import LockLostError, StateError
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.build_updates import (
    Refresh,
    note_outcomes,
    record_counters,
    record_hook_writes,
    record_shapes,
    record_volatile,
    refresh_definitions,
    refresh_sources_seen,
)
from dbt_state_plugin.state.builds import complete_reads, record_build, require_running
from dbt_state_plugin.state.cut_offs import CutOff, record_cut_off
from dbt_state_plugin.state.executions import read_execution
from dbt_state_plugin.state.relations import read_definitions, read_recorded, recorded_code
from dbt_state_plugin.state.state import State, open_state


def test_a_build_is_recorded_as_it_was_said_and_its_intent_is_gone(state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS, REPORT)
    said = build_of(execution_id, ORDERS)

    assert record_build(state, said) == TABLE

    recorded = read_recorded(state, [key_of(ORDERS), key_of(REPORT)])
    found = recorded.relations[key_of(ORDERS)]
    assert (found.build_id, found.data_id, found.execution_id) == (said.build_id, said.data_id, execution_id)
    assert (found.trace, found.fingerprint, found.columns) == (said.trace, ORDERS.fingerprint, said.columns)
    assert (found.identity, found.duration_ms, found.is_of_today, found.touched) == (TABLE, 40, True, None)
    assert list(recorded.intents) == [key_of(REPORT)]
    assert read_definitions(state, [key_of(ORDERS)])[key_of(ORDERS)] == said.detail
    assert recorded_code(state, found.raw_definition_id) == "select 1"


def test_the_result_is_noted_with_the_build(state: State) -> None:
    execution_id = built(state, ORDERS)

    (result,) = read_execution(state, str(execution_id)).results
    assert (result.status, result.rows_affected, result.duration_ms) == ("success", 3, 40)
    assert [reason["code"] for reason in result.reasons] == ["not-recorded"]


def test_the_identity_is_read_in_the_same_statement_where_the_warehouse_is_here(copied: Database, state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    here = """
        SELECT '1/2'::text AS identity, 'view'::text AS kind, '[["a", "text"]]'::jsonb AS columns,
            '[["owner", "", "10"]]'::jsonb AS shape
    """

    found = record_build(state, build_of(execution_id, ORDERS, identity=None, columns=None, identity_sql=here))

    assert found == Identity(object_id="1", storage_id="2", kind=RelationKind.VIEW)
    recorded = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)]
    assert (recorded.columns, recorded.shape) == ('[["a", "text"]]', '[["owner", "", "10"]]')


def test_shapes_are_recorded_with_the_relations_that_are_still_there(state: State) -> None:
    built(state, ORDERS, REPORT)
    other = Identity(object_id="9", storage_id="9", kind=RelationKind.TABLE)

    record_shapes(state, {key_of(ORDERS): (TABLE, '[["owner", "", "10"]]'), key_of(REPORT): (other, "[]")})

    recorded = read_recorded(state, [key_of(ORDERS), key_of(REPORT)]).relations
    assert [recorded[key_of(each)].shape for each in (ORDERS, REPORT)] == ['[["owner", "", "10"]]', None]


def test_without_an_intent_of_this_execution_nothing_is_recorded(state: State) -> None:
    execution_id = begun(state)

    with pytest.raises(LockLostError, match="another execution has taken over"):
        record_build(state, build_of(execution_id, ORDERS))

    assert read_recorded(state, [key_of(ORDERS)]).relations == {}


def test_a_run_whose_successor_has_begun_records_nothing_more(state: State) -> None:
    killed = begun(state)
    opened(state, killed, ORDERS)
    begun(state)

    with pytest.raises(LockLostError):
        record_build(state, build_of(killed, ORDERS))
    with pytest.raises(LockLostError):
        require_running(state, killed)

    recorded = read_recorded(state, [key_of(ORDERS)])
    assert (recorded.relations, [each.execution_id for each in recorded.intents[key_of(ORDERS)]]) == ({}, [killed])


def test_a_connection_that_is_gone_is_a_lost_lock(copied: Database) -> None:
    with closing(connect(DatabaseSettings.from_url(copied.url))) as lost:
        state = open_state(lost, "dbt_state_plugin", HERE)
        execution_id = begun(state)
        opened(state, execution_id, ORDERS)
        copied.query("SELECT pg_terminate_backend(%s)", (lost.info.backend_pid,))

        with pytest.raises(LockLostError):
            record_build(state, build_of(execution_id, ORDERS))


def test_a_build_that_the_server_refuses_leaves_its_intent(state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)

    with pytest.raises(StateError, match="could not be recorded"):
        record_build(state, build_of(execution_id, ORDERS, columns="no JSON"))

    assert list(read_recorded(state, [key_of(ORDERS)]).intents) == [key_of(ORDERS)]


def test_a_cosmetic_difference_refreshes_the_definition_and_nothing_else(state: State) -> None:
    built(state, ORDERS)
    before = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)]
    detail = RecordedDefinition(items={"body": {"code": "#9"}})
    refresh = Refresh(
        key=key_of(ORDERS), fingerprint={"body": "9"}, inlined={}, raw_code="select 1 -- one", detail=detail
    )

    refresh_definitions(state, [refresh], store_code=True)

    after = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)]
    assert after.fingerprint == {"body": "9"}
    assert recorded_code(state, after.raw_definition_id) == "select 1 -- one"
    same = {"fingerprint": before.fingerprint, "raw_definition_id": before.raw_definition_id, "trace": before.trace}
    assert replace(after, **same) == before
    compiled = read_definitions(state, [key_of(ORDERS)])[key_of(ORDERS)].compiled
    assert compiled == {"forms": {"sql": "select 1"}}, "what was executed stays"


def test_what_is_known_of_reads_after_the_build_is_added_to_it_alone(state: State) -> None:
    built(state, ORDERS)
    key = key_of(ORDERS)
    before, definition = read_recorded(state, [key]).relations[key], read_definitions(state, [key])[key]
    reads = TracedReads(volatile=("run_started_at",))

    complete_reads(state, {key: (reads, {"var rate": "f00"}), key_of(REPORT): (None, {})})

    assert read_recorded(state, [key]).relations[key] == replace(before, trace=replace(before.trace, reads=reads))
    items = {**definition.items, "reads": {"var rate": "f00"}}
    assert read_definitions(state, [key])[key] == replace(definition, items=items)


def test_what_was_seen_of_a_source_moves_on_alone(state: State) -> None:
    built(state, ORDERS, REPORT)

    refresh_sources_seen(state, {key_of(ORDERS): {'"db"."raw"."orders"': "v2"}})

    found = read_recorded(state, []).relations
    assert found[key_of(ORDERS)].trace.parents == {'"db"."raw"."orders"': "v2"}
    assert found[key_of(REPORT)].trace.parents == {'"db"."raw"."orders"': "v1"}


def test_counters_are_recorded_only_of_the_relation_that_was_recorded(state: State) -> None:
    built(state, ORDERS, REPORT)
    another = Identity(object_id="9", storage_id="9", kind=RelationKind.TABLE)

    record_counters(state, {key_of(ORDERS): (TABLE, "c1"), key_of(REPORT): (another, "c1")})

    found = read_recorded(state, []).relations
    assert (found[key_of(ORDERS)].touched, found[key_of(REPORT)].touched) == ("c1", None)


def test_calls_that_are_recorded_are_not_recorded_again(state: State) -> None:
    built(state, ORDERS)

    record_volatile(state, {key_of(ORDERS): ("random()",)})

    assert read_recorded(state, []).relations[key_of(ORDERS)].trace.volatile == ("now()",)


def test_what_was_not_built_is_noted_with_its_message(state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)

    note_outcomes(state, execution_id, [NodeOutcome(unique_id=ORDERS.unique_id, status="error", message="no\x00pe")])

    (result,) = read_execution(state, str(execution_id)).results
    assert (result.status, result.message.startswith("no")) == ("error", True)


def cut_off(state: State, execution_id: UUID) -> CutOff:
    """Return what closes the intent on the orders, as they are recorded."""
    recorded = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)]
    return CutOff(
        key=key_of(ORDERS),
        execution_id=execution_id,
        unique_id=ORDERS.unique_id,
        build_id=recorded.build_id,
        parents={"p": "2"},
        message="cut off: p came out equal (3 rows)",
    )


def test_what_is_cut_off_has_seen_its_parents_and_stays_as_it_was_built(state: State) -> None:
    built(state, ORDERS)
    before = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)]
    execution_id = begun(state)
    opened(state, execution_id, ORDERS, REPORT)

    record_cut_off(state, cut_off(state, execution_id))

    recorded = read_recorded(state, [key_of(ORDERS), key_of(REPORT)])
    after = recorded.relations[key_of(ORDERS)]
    assert after == replace(before, trace=replace(before.trace, parents={**before.trace.parents, "p": "2"}))
    assert list(recorded.intents) == [key_of(REPORT)]
    results = {result.unique_id: result for result in read_execution(state, str(execution_id)).results}
    assert (results[ORDERS.unique_id].status, results[ORDERS.unique_id].message) == (
        "no-op",
        "cut off: p came out equal (3 rows)",
    )


def test_nothing_is_cut_off_by_a_run_that_another_one_has_replaced(state: State) -> None:
    built(state, ORDERS)
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    state.execute(
        "UPDATE {state}.execution SET status = 'abandoned', finished_at = started_at WHERE execution_id = %s",
        [str(execution_id)],
    )

    with pytest.raises(LockLostError, match="taken over"):
        record_cut_off(state, cut_off(state, execution_id))

    assert list(read_recorded(state, [key_of(ORDERS)]).intents) == [key_of(ORDERS)]


def test_nothing_is_cut_off_that_was_built_by_somebody_else_since(state: State) -> None:
    built(state, ORDERS)
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)

    with pytest.raises(LockLostError):
        record_cut_off(state, replace(cut_off(state, execution_id), build_id=uuid4()))

    assert list(read_recorded(state, [key_of(ORDERS)]).intents) == [key_of(ORDERS)]


def test_what_a_build_left_is_recorded_until_a_hook_writes_into_it(state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    said = build_of(execution_id, ORDERS)
    left = RowsLeft(columns="c", rows="3:17", order="4")
    record_build(state, replace(said, trace=replace(said.trace, rows=left, reads_order=False, content="x")))
    found = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)].trace
    assert (found.rows, found.reads_order) == (left, False)

    record_hook_writes(state, {key_of(ORDERS): uuid4()}, writer="model.shop.other")

    found = read_recorded(state, [key_of(ORDERS)]).relations[key_of(ORDERS)].trace
    assert (found.rows, found.content, found.written_by) == (None, "", "model.shop.other")
