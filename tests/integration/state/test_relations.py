"""Recorded relations, read by name, whoever built them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest
from support.recording import ORDERS, PROD, REPORT, begun, built, key_of, opened

from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationKind
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.state.dialect import Statement
from dbt_state_plugin.state.relations import (
    forget_relations,
    installation_key,
    read_definitions,
    read_recorded,
    recorded_code,
    server_time,
)
from dbt_state_plugin.state.state import State, open_state


def test_all_of_an_environment_is_read_and_of_others_only_what_is_asked_for(state: State) -> None:
    built(state, ORDERS, REPORT)
    prod = open_state(state.connection, state.schema, PROD)

    assert set(read_recorded(state, []).relations) == {key_of(ORDERS), key_of(REPORT)}
    assert set(read_recorded(prod, [key_of(REPORT)]).relations) == {key_of(REPORT)}


def test_equal_names_on_another_server_are_other_relations(state: State) -> None:
    built(state, ORDERS)
    away = open_state(
        state.connection, state.schema, Environment(warehouse="other/1", project="shop", database="db", schema="main")
    )

    assert read_recorded(away, [key_of(ORDERS)]).relations == {}


def test_forgetting_one_leaves_the_others_and_the_intents(state: State) -> None:
    built(state, ORDERS, REPORT)
    opened(state, begun(state), ORDERS)

    assert forget_relations(state, [ORDERS.unique_id, "model.shop.unknown"]) == (ORDERS.unique_id,)

    recorded = read_recorded(state, [key_of(ORDERS)])
    assert (set(recorded.relations), set(recorded.intents)) == ({key_of(REPORT)}, {key_of(ORDERS)})


def test_forgetting_all_is_of_this_environment_alone(state: State) -> None:
    built(state, ORDERS)
    prod = open_state(state.connection, state.schema, PROD)
    built(prod, REPORT)

    assert forget_relations(state, None) == (ORDERS.unique_id,)

    assert set(read_recorded(prod, []).relations) == {key_of(REPORT)}


@pytest.mark.parametrize("damage", ["{}", '{"parents": 3, "volatile": 4}', '{"parents": ["a"], "inlined": "x"}'])
def test_a_trace_that_was_edited_by_hand_has_seen_nothing(state: State, damage: str) -> None:
    built(state, ORDERS)
    state.execute("UPDATE {state}.relation SET trace = %s::jsonb", (damage,))

    trace = read_recorded(state, []).relations[key_of(ORDERS)].trace

    assert (dict(trace.parents), dict(trace.inlined), trace.volatile) == ({}, {}, None)


def test_a_kind_of_relation_that_was_edited_by_hand_is_another_one(state: State) -> None:
    built(state, ORDERS)
    state.execute("UPDATE {state}.relation SET kind = 'flying table'")

    identity = read_recorded(state, []).relations[key_of(ORDERS)].identity

    assert identity == Identity(object_id="7", storage_id="8", kind=RelationKind.OTHER)


def test_the_installation_has_one_key_and_misses_it(state: State) -> None:
    key = installation_key(state)
    assert (len(key), installation_key(state)) == (32, key)

    state.execute("DELETE FROM {state}.installation")

    with pytest.raises(StateError, match="installation row"):
        installation_key(state)


def test_the_clock_is_the_servers(state: State) -> None:
    before = server_time(state)
    built(state, ORDERS)

    found = read_recorded(state, []).relations[key_of(ORDERS)].built_at

    assert isinstance(before, datetime)
    assert before <= found <= server_time(state)


def test_what_is_not_recorded_is_not_there(state: State) -> None:
    assert read_definitions(state, [key_of(ORDERS)]) == {}
    assert recorded_code(state, None) is None


@dataclass(frozen=True)
class Edited:
    """Stand for a state whose file was damaged: a column of its rows has another value."""

    of: State
    column: int
    value: object

    @property
    def environment(self) -> Environment:
        return self.of.environment

    @property
    def environment_id(self) -> int:
        return self.of.environment_id

    def rows(self, text: Statement, values: object) -> list[tuple[object, ...]]:
        rows = self.of.rows(text, values)
        return [(*row[: self.column], self.value, *row[self.column + 1 :]) for row in rows]


def test_a_row_that_nobody_can_have_written_is_refused_with_what_to_do(state: State) -> None:
    built(state, ORDERS)
    without_build = Edited(state, column=8, value=None)

    with pytest.raises(StateError, match="a value that this tool has not written") as refused:
        read_recorded(without_build, [key_of(ORDERS)])  # type: ignore[arg-type]

    assert "restore the state" in refused.value.do


def test_a_trace_that_is_no_mapping_says_nothing(state: State) -> None:
    built(state, ORDERS)

    found = read_recorded(Edited(state, column=7, value=[7]), [])  # type: ignore[arg-type]

    assert found.relations[key_of(ORDERS)].trace == Trace()
