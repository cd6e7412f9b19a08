"""Intents of on-run hooks, for the next run to execute."""

from __future__ import annotations

from support.recording import ORDERS, PROD, begun, built, key_of, opened

from dbt_state_plugin.core.values.records import NOTHING, WROTE_ROWS
from dbt_state_plugin.state.hooks import (
    close_hooks,
    forget_what_hooks_did,
    open_hooks,
    record_what_hooks_did,
    unfinished_hooks,
)
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State, open_state

START, END = "operation.shop.shop-on-run-start-0", "operation.shop.shop-on-run-end-0"


def test_hooks_are_unfinished_until_they_are_closed(state: State) -> None:
    open_hooks(state, begun(state), [START, END])
    assert unfinished_hooks(state) == (END, START)

    close_hooks(state, kept=[END])
    assert unfinished_hooks(state) == (END,)

    close_hooks(state, kept=[])
    assert unfinished_hooks(state) == ()


def test_hooks_that_the_project_has_no_longer_are_forgotten_when_others_are_opened(state: State) -> None:
    open_hooks(state, begun(state), [START, END])

    open_hooks(state, begun(state), [END])

    assert unfinished_hooks(state) == (END,)


def test_intents_of_nodes_and_hooks_of_other_environments_stay(state: State) -> None:
    other = open_state(state.connection, state.schema, PROD)
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    open_hooks(other, begun(other), [END])
    open_hooks(state, execution_id, [END])

    close_hooks(state, kept=[])

    assert unfinished_hooks(other) == (END,)
    assert ORDERS.relation is not None
    assert ORDERS.relation in read_recorded(state, [ORDERS.relation]).intents


def test_what_hooks_did_is_recorded_of_what_a_run_built_and_where_it_was_known_before(state: State) -> None:
    key = key_of(ORDERS)
    built(state, ORDERS)

    def recorded() -> str:
        return read_recorded(state, [key]).relations[key].trace.on_run

    record_what_hooks_did(state, built=[], written=[key])
    assert recorded() == ""
    record_what_hooks_did(state, built=[key], written=[])
    assert recorded() == NOTHING
    record_what_hooks_did(state, built=[], written=[key])
    assert recorded() == WROTE_ROWS
    forget_what_hooks_did(state)
    assert recorded() == ""
