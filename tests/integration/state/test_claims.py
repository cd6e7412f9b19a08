"""Claims on relations, and records that are taken away."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from support.recording import ORDERS, PROD, REPORT, begun, built, key_of, opened

from dbt_state_plugin.core.values.records import RecordedRelation
from dbt_state_plugin.state.claims import Claim, read_claims, take_record
from dbt_state_plugin.state.executions import finish_execution
from dbt_state_plugin.state.lock import acquire_lock
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State

KEYS = [key_of(ORDERS), key_of(REPORT)]


def record_of_orders(state: State) -> RecordedRelation:
    return read_recorded(state, KEYS).relations[key_of(ORDERS)]


def test_an_intent_of_another_environment_is_a_claim_however_it_ended(state: State, prod: State) -> None:
    execution_id = begun(prod)
    opened(prod, execution_id, ORDERS)
    finish_execution(prod, execution_id, status="failed")

    claim = Claim(execution_id=str(execution_id), environment=PROD, is_running=False)
    assert read_claims(state, KEYS, holds_lock=True) == {key_of(ORDERS): claim}


def test_our_own_intent_is_a_claim_while_its_run_holds_the_lock(state: State, second: State) -> None:
    acquire_lock(second, timeout=0)
    execution_id = begun(second)
    opened(second, execution_id, ORDERS)

    claim = Claim(execution_id=str(execution_id), environment=state.environment, is_running=True)
    assert read_claims(state, KEYS, holds_lock=False) == {key_of(ORDERS): claim}
    assert read_claims(second, KEYS, holds_lock=True) == {}


def test_our_own_intent_of_a_run_that_has_ended_is_none(state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    finish_execution(state, execution_id, status="failed")

    assert read_claims(state, KEYS, holds_lock=False) == {}


def test_a_record_is_taken_with_our_intents_and_those_of_others_stay(state: State, prod: State) -> None:
    built(state, ORDERS)
    record = record_of_orders(state)
    opened(state, begun(state), ORDERS, REPORT)
    theirs = begun(prod)
    opened(prod, theirs, ORDERS)

    assert take_record(state, record)

    recorded = read_recorded(state, KEYS)
    assert recorded.relations == {}
    assert [each.execution_id for each in recorded.intents[key_of(ORDERS)]] == [theirs]
    assert recorded.intents.keys() == set(KEYS)


def test_a_record_of_a_later_build_stays(state: State) -> None:
    built(state, ORDERS)
    record = record_of_orders(state)

    assert not take_record(state, replace(record, build_id=UUID(int=1)))
    assert record_of_orders(state) == record
