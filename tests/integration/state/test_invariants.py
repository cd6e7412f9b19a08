"""Invariants of a state, each violation found."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from support.database import Database
from support.recording import ORDERS, REPORT, begun, built, ended, opened

from dbt_state_plugin.core.values.findings import Severity
from dbt_state_plugin.state.bookkeeping import start_execution
from dbt_state_plugin.state.executions import begin_step
from dbt_state_plugin.state.invariants import violations
from dbt_state_plugin.state.lock import acquire_lock
from dbt_state_plugin.state.state import State


def found(state: State) -> list[tuple[str, Severity]]:
    return [(each.check, each.severity) for each in violations(state.connection, state.schema)]


def test_in_a_state_that_runs_have_left_everything_holds(state: State) -> None:
    ended(state, built(state, ORDERS, REPORT))
    acquire_lock(state, timeout=0)
    begin_step(state, built(state, ORDERS), name="TRANSFORM", checksums={}, dbt_version="", adapter_version="")

    assert found(state) == []


def altered(*changes: str) -> str:
    return "".join(f"ALTER TABLE dbt_state_plugin.{each};" for each in changes)


BROKEN = {
    "version": "INSERT INTO dbt_state_plugin.alembic_version VALUES ('0001')",
    "installation": "DELETE FROM dbt_state_plugin.installation",
    "constraints": altered(
        "node_result DROP CONSTRAINT node_result_execution_id_fkey",
        "node_result ADD CONSTRAINT node_result_execution_id_fkey FOREIGN KEY (execution_id)"
        " REFERENCES dbt_state_plugin.execution ON DELETE CASCADE NOT VALID",
    ),
    "builds": altered("relation DROP CONSTRAINT relation_pkey", "relation DROP CONSTRAINT relation_build_id_key")
    + "INSERT INTO dbt_state_plugin.relation SELECT * FROM dbt_state_plugin.relation",
    "intents": "INSERT INTO dbt_state_plugin.intent SELECT warehouse, database_name, schema_name, identifier,"
    " execution_id, unique_id FROM dbt_state_plugin.relation",
    "references": "SET session_replication_role = replica; UPDATE dbt_state_plugin.relation SET environment_id = 99",
}


@pytest.mark.parametrize("check", BROKEN)
def test_what_does_not_hold_is_found_with_what_to_do(copied: Database, state: State, check: str) -> None:
    acquire_lock(state, timeout=0)
    built(state, ORDERS)
    copied.query(BROKEN[check])

    errors = [each for each in violations(state.connection, state.schema) if each.severity is Severity.ERROR]

    assert {each.check for each in errors} == {check}
    assert all(each.what.endswith(".") and each.do for each in errors)


def killed(state: State) -> None:
    begun(state)


def failed(state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    ended(state, execution_id, "failed")


def renamed(state: State) -> None:
    ended(state, built(state, ORDERS))
    state.execute(
        "INSERT INTO {state}.relation (database_name, schema_name, identifier, environment_id, unique_id,"
        " resource_type, materialized, fingerprint, trace) SELECT database_name, schema_name, 'earlier',"
        " environment_id, unique_id, resource_type, materialized, fingerprint, trace FROM {state}.relation"
    )


def open_for_days(state: State) -> None:
    start_execution(state, uuid4(), host="here", tool_version="1", meltano_run_id="")
    state.execute("UPDATE {state}.execution SET started_at = started_at - interval '8 days'")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            'UPDATE {state}.relation SET trace = \'{{"parents": [1], "reads": {{"flags": 3}}, "newer": 1}}\'',
            "trace: parents",
        ),
        ("UPDATE {state}.relation SET fingerprint = '{{\"body\": null}}'", "(fingerprint)"),
        ('UPDATE {state}.relation SET items = \'{{"macros": "x"}}\'', "(items)"),
        ('UPDATE {state}.node_result SET reasons = \'[{{"code": "new"}}]\'', "(model.shop."),
    ],
)
def test_a_document_that_no_run_has_written_is_found(state: State, statement: str, named: str) -> None:
    ended(state, built(state, ORDERS))
    state.execute(statement)

    (finding,) = violations(state.connection, state.schema)

    assert (finding.check, finding.severity) == ("documents", Severity.ERROR)
    assert named in finding.what
    assert "newer" not in finding.what


@pytest.mark.parametrize(
    ("make", "check"),
    [(killed, "executions"), (failed, "intents"), (renamed, "builds"), (open_for_days, "executions")],
)
def test_what_is_worth_knowing_is_a_note(state: State, make: Callable[[State], None], check: str) -> None:
    make(state)

    assert found(state) == [(check, Severity.NOTE)]


@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE {state}.execution SET status = 'succeeded', finished_at = clock_timestamp()",  # with a planned node
        "UPDATE {state}.execution SET status = 'failed', finished_at = clock_timestamp()",  # with a running step
    ],
)
def test_an_execution_that_cannot_have_ended_like_this_is_found(state: State, broken: str) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    begin_step(state, execution_id, name="TRANSFORM", checksums={}, dbt_version="", adapter_version="")
    state.execute(broken)

    assert ("executions", Severity.ERROR) in found(state)


def test_a_long_list_is_cut(copied: Database, state: State) -> None:
    execution_id = begun(state)
    opened(state, execution_id, ORDERS, REPORT)
    ended(state, execution_id, "failed")
    copied.query(
        "INSERT INTO dbt_state_plugin.intent SELECT '', 'd', 's', n::text, execution_id, 'model.shop.x' || n"
        " FROM dbt_state_plugin.execution, generate_series(1, 5) AS n"
    )

    (note,) = violations(state.connection, state.schema)

    assert note.what.endswith(" and 4 more.")
