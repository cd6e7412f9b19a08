"""Adopted relations, all of them recorded or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.database import Database
from support.hostile_names import hostile_names
from support.recording import ORDERS, PROD, REPORT, TABLE, begun, built, key_of, opened
from support.values import node, record, relation

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import RecordedDefinition, Trace
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationKind
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.state.adoptions import Adopted, record_adopted
from dbt_state_plugin.state.build_updates import record_counters
from dbt_state_plugin.state.executions import finish_execution, read_execution
from dbt_state_plugin.state.intents import definition_id
from dbt_state_plugin.state.relations import read_definitions, read_recorded, recorded_code, server_time
from dbt_state_plugin.state.state import State, open_state

TRACE = Trace(
    parents={'"db"."raw"."orders"': "v1"}, inlined={"model.shop.x": "#"}, content="c", volatile=(), older_logic="o"
)
DETAIL = RecordedDefinition(items={"body": {"code": "#1"}}, compiled={"forms": {"sql": "select 1"}})
DEFINITIONS = "SELECT count(*) FROM {state}.definition"


def adopted(item: Node, *, detail: RecordedDefinition = DETAIL, **fields: Any) -> Adopted:
    """Return what is recorded about a relation that stands as the project makes it."""
    values: dict[str, Any] = {
        "build_id": uuid4(),
        "data_id": uuid4(),
        "identity": TABLE,
        "trace": TRACE,
        "columns": '[["id", "integer"]]',
        "touched": "c1",
    }
    return Adopted(record=record(item, **(values | fields)), node=item, detail=detail)


def taken_over(state: State, *found: Adopted, store_code: bool = True) -> UUID:
    execution_id = begun(state, "adopt")
    assert record_adopted(state, execution_id, found, store_code=store_code)
    return execution_id


def test_an_adopted_relation_is_recorded_with_all_that_is_known_of_it(state: State) -> None:
    said = adopted(ORDERS)
    before = server_time(state)

    execution_id = taken_over(state, said)

    found = read_recorded(state, []).relations[key_of(ORDERS)]
    assert before <= found.built_at <= server_time(state)
    expected = replace(
        said.record,
        built_at=found.built_at,
        execution_id=execution_id,
        raw_definition_id=definition_id("select 1"),
        is_of_today=found.is_of_today,
    )
    assert found == expected
    assert recorded_code(state, found.raw_definition_id) == "select 1"
    assert read_definitions(state, [key_of(ORDERS)]) == {key_of(ORDERS): DETAIL}


def test_what_nobody_knows_of_a_relation_is_recorded_as_unknown(state: State) -> None:
    said = adopted(ORDERS, identity=None, columns=None, touched=None, trace=Trace(), detail=RecordedDefinition())

    taken_over(state, said, adopted(REPORT))

    relations = read_recorded(state, []).relations
    found = relations[key_of(ORDERS)]
    assert (found.identity, found.columns, found.touched, found.duration_ms) == (None, None, None, None)
    assert found.trace == Trace()
    assert read_definitions(state, [key_of(ORDERS)])[key_of(ORDERS)] == RecordedDefinition()
    assert relations[key_of(REPORT)].identity == TABLE


def test_each_relation_has_its_own_values(state: State) -> None:
    view = Identity(object_id="9", storage_id="9", kind=RelationKind.VIEW)
    test = node("test.shop.unique", code="select 3")
    said = [
        adopted(REPORT, identity=view, touched="c2", columns="[]"),
        adopted(test, identity=None, touched=None),
        adopted(ORDERS),
    ]

    execution_id = taken_over(state, *said)

    found = read_recorded(state, []).relations
    assert set(found) == {each.record.relation for each in said}
    for each in said:
        recorded = found[each.record.relation]
        assert (recorded.unique_id, recorded.resource_type) == (each.node.unique_id, each.node.resource_type)
        assert (recorded.materialized, recorded.fingerprint) == (each.node.materialized, each.node.fingerprint)
        assert (recorded.build_id, recorded.data_id) == (each.record.build_id, each.record.data_id)
        assert (recorded.identity, recorded.touched) == (each.record.identity, each.record.touched)
        assert recorded.columns == each.record.columns
        assert recorded_code(state, recorded.raw_definition_id) == each.node.raw_code
    results = read_execution(state, str(execution_id)).results
    assert {(each.unique_id, each.resource_type) for each in results} == {
        (each.node.unique_id, each.node.resource_type) for each in said
    }


def test_the_results_say_that_nothing_was_built(state: State) -> None:
    execution_id = taken_over(state, adopted(ORDERS))

    (result,) = read_execution(state, str(execution_id)).results
    assert (result.unique_id, result.resource_type) == (ORDERS.unique_id, "model")
    assert (result.status, result.message, result.reasons) == ("success", "adopted as it stood", ())
    assert (result.rows_affected, result.duration_ms) == (None, None)
    assert state.rows("SELECT definition_id FROM {state}.node_result") == [(definition_id("select 1"),)]


def test_nothing_to_adopt_is_recorded_as_nothing(state: State) -> None:
    execution_id = taken_over(state)

    assert read_recorded(state, []).relations == {}
    assert read_execution(state, str(execution_id)).results == ()


def test_no_code_is_kept_where_none_may_be(state: State) -> None:
    taken_over(state, adopted(ORDERS), store_code=False)

    assert read_recorded(state, []).relations[key_of(ORDERS)].raw_definition_id is None
    assert state.rows("SELECT definition_id FROM {state}.node_result") == [(None,)]
    assert state.rows(DEFINITIONS) == [(0,)]


def test_an_adoption_takes_the_place_of_all_that_was_recorded_of_a_build(state: State) -> None:
    built(state, ORDERS)
    record_counters(state, {key_of(ORDERS): (TABLE, "of the build")})
    state.execute("UPDATE {state}.relation SET built_at = built_at - interval '9 days'")
    # All of it differs, as when the node became another one.
    seed = replace(ORDERS, unique_id="seed.shop.orders", resource_type="seed", materialized="seed", raw_code="a,b")
    view = Identity(object_id="9", storage_id="9", kind=RelationKind.VIEW)
    detail = RecordedDefinition(items={"body": {"code": "#2"}}, compiled={"forms": {"sql": "select 2"}})
    said = adopted(
        replace(seed, fingerprint={"body": "9"}), identity=view, touched=None, columns="[]", trace=TRACE, detail=detail
    )
    before = server_time(state)

    execution_id = taken_over(state, said)

    found = read_recorded(state, []).relations[key_of(ORDERS)]
    assert found.built_at >= before
    assert found == replace(
        said.record,
        built_at=found.built_at,
        execution_id=execution_id,
        raw_definition_id=definition_id("a,b"),
        is_of_today=found.is_of_today,
    )
    assert read_definitions(state, [key_of(ORDERS)]) == {key_of(ORDERS): detail}


def test_a_relation_of_another_environment_becomes_ours(state: State, prod: State) -> None:
    built(prod, ORDERS, REPORT)

    taken_over(state, adopted(ORDERS))

    assert set(read_recorded(state, []).relations) == {key_of(ORDERS)}
    assert set(read_recorded(prod, []).relations) == {key_of(REPORT)}


def test_a_relation_of_that_name_on_another_server_is_another_one(state: State) -> None:
    away = open_state(state.connection, state.schema, Environment(warehouse="far/1", project="shop", target="dev"))
    built(away, ORDERS)
    opened(away, begun(away), REPORT)

    taken_over(state, adopted(ORDERS), adopted(REPORT))

    assert set(read_recorded(state, []).relations) == {key_of(ORDERS), key_of(REPORT)}
    assert set(read_recorded(away, []).relations) == {key_of(ORDERS)}


@pytest.mark.parametrize("status", ["running", "failed"])
def test_while_one_of_them_may_be_half_written_nothing_is_adopted(state: State, prod: State, status: str) -> None:
    writing = begun(prod)
    opened(prod, writing, REPORT, store_code=False)
    if status == "failed":
        finish_execution(prod, writing, status=status)
    execution_id = begun(state, "adopt")

    assert not record_adopted(state, execution_id, [adopted(ORDERS), adopted(REPORT)], store_code=True)

    assert read_recorded(state, []).relations == {}
    assert read_execution(state, str(execution_id)).results == ()
    assert state.rows(DEFINITIONS) == [(0,)]
    assert set(read_recorded(state, [key_of(REPORT)]).intents) == {key_of(REPORT)}


def test_what_may_be_half_written_elsewhere_does_not_matter(state: State) -> None:
    opened(state, begun(state), REPORT)

    taken_over(state, adopted(ORDERS))

    assert set(read_recorded(state, []).relations) == {key_of(ORDERS)}


def test_who_says_just_now_that_a_relation_may_be_written_is_waited_for(
    copied: Database, state: State, second: State
) -> None:
    theirs = open_state(second.connection, second.schema, PROD)
    writing, execution_id = begun(theirs), begun(state, "adopt")
    with ThreadPoolExecutor() as pool, second.connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            second.statement("INSERT INTO {state}.intent VALUES ('', %s, %s, %s, %s, %s)"),
            ("db", "main", "orders", str(writing), ORDERS.unique_id),
        )
        adopting = pool.submit(record_adopted, state, execution_id, [adopted(ORDERS)], store_code=True)
        copied.wait_until_blocked(state.connection.info.backend_pid)

        cursor.execute("COMMIT")

        assert adopting.result() is False
    assert read_recorded(state, []).relations == {}


def test_all_are_adopted_or_none(state: State) -> None:
    execution_id = begun(state, "adopt")

    with pytest.raises(StateError, match="Cannot record the relations"):
        record_adopted(state, execution_id, [adopted(ORDERS), adopted(REPORT, columns="no JSON")], store_code=True)

    assert read_recorded(state, []).relations == {}
    assert read_execution(state, str(execution_id)).results == ()
    assert state.rows(DEFINITIONS) == [(0,)]


def test_an_execution_that_is_not_recorded_adopts_nothing(state: State) -> None:
    with pytest.raises(StateError, match="Cannot record the relations"):
        record_adopted(state, uuid4(), [adopted(ORDERS)], store_code=True)

    assert read_recorded(state, []).relations == {}


def test_relations_of_any_name_are_adopted(state: State) -> None:
    items = [
        node(f"model.shop.{name}", code=f"select '{name}'", relation=relation(name, schema=f"s {name}"))
        for name in hostile_names()
    ]

    taken_over(state, *(adopted(item) for item in items))

    found = read_recorded(state, []).relations
    assert {key: each.unique_id for key, each in found.items()} == {key_of(item): item.unique_id for item in items}


def test_what_the_server_cannot_hold_is_left_out_of_code_and_documents(state: State) -> None:
    strange = replace(ORDERS, raw_code="a\x00b")
    detail = RecordedDefinition(items={"body": {"\x00": "x\x00y"}}, compiled={"forms": {"sql": "\x00"}})

    taken_over(state, adopted(strange, detail=detail, trace=Trace(parents={"p\x00": "\x00"}, volatile=("f\x00",))))

    found = read_recorded(state, []).relations[key_of(ORDERS)]
    assert recorded_code(state, found.raw_definition_id) == "ab"
    assert (found.trace.parents, found.trace.volatile) == ({"p": ""}, ("f",))
    assert read_definitions(state, [key_of(ORDERS)])[key_of(ORDERS)].items == {"body": {"": "xy"}}


def test_code_that_is_kept_already_is_kept_once(state: State) -> None:
    built(state, ORDERS)

    taken_over(state, adopted(ORDERS), adopted(replace(REPORT, raw_code=ORDERS.raw_code)))

    assert state.rows(DEFINITIONS) == [(1,)]
