"""Views for reports: contents, documentation and readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import yaml
from psycopg2.extensions import connection as Connection
from support.database import Database

from dbt_state_plugin.operations.state_administration import sources_yaml
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.schema import ensure_schema

VIEWS = ("executions", "node_history", "current_nodes", "savings")
# First everything is built; then nothing; then one of two models, whose test fails; then that model and its test; then
# nothing again, since a model is cut off.
HISTORY = """
    SET search_path TO state;
    INSERT INTO environment (project_name, target_name, database_name, schema_name)
        VALUES ('shop', 'prod', 'db', 'main'), ('shop', 'dev', 'db', 'dev');
    INSERT INTO execution (execution_id, environment_id, command, is_exclusive, status, started_at, finished_at, caller,
        tool_version, uncommitted)
    SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, env, command, true, status,
           '2026-01-01 00:00+00'::timestamptz + n * interval '1 hour',
           '2026-01-01 00:00+00'::timestamptz + n * interval '1 hour' + interval '1500 ms', 'cli', '1', uncommitted
    FROM (VALUES (1, 1, 'build', 'succeeded', ''), (2, 1, 'run', 'succeeded', NULL),
                 (3, 1, 'build', 'failed', repeat('a', 64)), (4, 1, 'build', 'succeeded', ''),
                 (5, 1, 'build', 'succeeded', ''), (6, 2, 'run', 'succeeded', ''))
        AS given (n, env, command, status, uncommitted);
    INSERT INTO node_result (execution_id, unique_id, resource_type, reasons, status, rows_affected, duration_ms,
        message)
    SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, unique_id, split_part(unique_id, '.', 1), reasons::jsonb,
           status, affected, ms, ''
    FROM (VALUES
        (1, 'model.shop.a', '[{"kind": "new", "detail": "no build of it is recorded"}]', 'success', 10, 100),
        (1, 'model.shop.b', '[]', 'success', 20, 1000),
        (1, 'model.shop.gone', '[]', 'success', 5, 50000),
        (1, 'test.shop.t', '[]', 'pass', NULL, 7),
        (1, 'stream.tap', '[]', 'select changed', NULL, NULL),
        (3, 'model.shop.a', '[{"kind": "body", "detail": "its code changed"}, {"kind": "data"}]', 'success', 11, 300),
        (3, 'test.shop.t', '[]', 'fail', NULL, 9),
        (3, 'model.shop.b', '[]', 'skipped', NULL, NULL),
        (4, 'model.shop.a', '[]', 'success', 11, 200),
        (4, 'test.shop.t', '[]', 'pass', NULL, 8),
        (5, 'model.shop.a', '[]', 'no-op', NULL, 1)
    ) AS given (n, unique_id, reasons, status, affected, ms);
    INSERT INTO relation (database_name, schema_name, identifier, environment_id, unique_id, resource_type,
        materialized, fingerprint, trace, duration_ms, identity, kind, execution_id)
    VALUES ('db', 'main', 'a', 1, 'model.shop.a', 'model', 'table', '{}', '{}', 200, '1/2', 'r',
            '00000000-0000-0000-0000-000000000004'),
           ('db', 'main', 'b', 1, 'model.shop.b', 'model', 'view', '{}', '{}', 1000, '1/3', 'v', NULL),
           ('db', '', 'test.shop.t', 1, 'test.shop.t', 'test', 'test', '{}', '{}', 8, NULL, NULL, NULL);
    INSERT INTO intent (database_name, schema_name, identifier, execution_id, unique_id)
    VALUES ('db', 'main', 'b', '00000000-0000-0000-0000-000000000003', 'model.shop.b');
"""


@pytest.fixture
def recorded(database: Database) -> Iterator[Connection]:
    with closing(connect(DatabaseSettings.from_url(database.url))) as opened:
        ensure_schema(opened, "state")
        database.query(HISTORY)
        yield opened


def test_executions_count_what_was_planned_and_how_it_ended(database: Database, recorded: Connection) -> None:
    rows = database.query(
        "SELECT right(execution_id::text, 1), target_name, status, duration_seconds::float, has_uncommitted_changes, "
        "nodes_planned, nodes_succeeded, nodes_failed, nodes_ms, rows_affected FROM state.executions ORDER BY 1"
    )

    assert rows == [
        ("1", "prod", "succeeded", 1.5, False, 4, 4, 0, 51107, 35),
        ("2", "prod", "succeeded", 1.5, None, 0, 0, 0, 0, None),
        ("3", "prod", "failed", 1.5, True, 3, 1, 1, 309, 11),
        ("4", "prod", "succeeded", 1.5, False, 2, 2, 0, 208, 11),
        ("5", "prod", "succeeded", 1.5, False, 1, 1, 0, 1, None),
        ("6", "dev", "succeeded", 1.5, False, 0, 0, 0, 0, None),
    ]


def test_node_history_gives_the_first_reason(database: Database, recorded: Connection) -> None:
    rows = database.query(
        "SELECT unique_id, command, status, is_success, reason, reason_detail, jsonb_array_length(reasons) "
        "FROM state.node_history WHERE execution_id::text LIKE '%3' ORDER BY unique_id"
    )

    assert rows == [
        ("model.shop.a", "build", "success", True, "body", "its code changed", 2),
        ("model.shop.b", "build", "skipped", False, None, None, 0),
        ("test.shop.t", "build", "fail", False, None, None, 0),
    ]


def test_current_nodes_say_how_the_last_execution_ended(database: Database, recorded: Connection) -> None:
    rows = database.query(
        "SELECT unique_id, schema_name, identifier, duration_ms, is_interrupted, last_status, "
        "extract(hour FROM last_planned_at AT TIME ZONE 'UTC')::int FROM state.current_nodes ORDER BY unique_id"
    )

    assert rows == [
        ("model.shop.a", "main", "a", 200, False, "no-op", 5),
        ("model.shop.b", "main", "b", 1000, True, "skipped", 3),
        ("test.shop.t", None, None, 8, False, "pass", 4),
    ]


def test_savings_are_what_the_last_builds_before_took(database: Database, recorded: Connection) -> None:
    rows = database.query(
        "SELECT right(execution_id::text, 1), command, nodes_built, built_ms, nodes_skipped, saved_ms "
        "FROM state.savings ORDER BY 1"
    )

    assert rows == [
        ("1", "build", 3, 1107, 0, 0),  # of the one that is gone nothing is counted
        ("2", "run", 0, 0, 2, 1100),  # a run builds no tests
        ("4", "build", 2, 208, 1, 1000),
        ("5", "build", 0, 0, 3, 1208),  # what was cut off was not built
    ]


def test_every_column_is_declared_for_dbt_in_its_order(database: Database, recorded: Connection) -> None:
    (source,) = yaml.safe_load(sources_yaml("state"))["sources"]
    declared = {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]}
    columns = database.query(
        "SELECT table_name::text, array_agg(column_name::text ORDER BY ordinal_position) "
        "FROM information_schema.columns WHERE table_schema = 'state' AND table_name = ANY (%s) GROUP BY 1",
        (list(VIEWS),),
    )

    assert declared == dict(columns)
    assert source["schema"] == "state"
    assert all(column["description"] for table in source["tables"] for column in table["columns"])
