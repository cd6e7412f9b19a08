"""Fingerprint of a plan's inputs: different exactly when one differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from support.database import Database
from support.values import relation

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.session import Session
from dbt_state_plugin.operations.target import StateAddress, Target
from dbt_state_plugin.operations.up_to_date.check import Scope, inputs_fingerprint
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import open_state
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

WAREHOUSE = """
    CREATE SCHEMA raw; CREATE SCHEMA analytics; CREATE SCHEMA other;
    CREATE TABLE raw.orders (id int, amount numeric);
    CREATE TABLE analytics.orders (id int, note varchar(10));
    CREATE TABLE analytics.unread (id int);
    CREATE VIEW analytics.seen AS SELECT id FROM analytics.orders;
    CREATE MATERIALIZED VIEW analytics.kept AS SELECT id FROM analytics.orders;
    CREATE TYPE other.mood AS ENUM ('good'); CREATE TABLE analytics.moods (mood other.mood);
    CREATE TABLE other.orders (id int)
"""
RECORD = """
    INSERT INTO dbt_state_plugin.relation (database_name, schema_name, identifier, environment_id, unique_id,
        resource_type, materialized, fingerprint, trace)
    VALUES (current_database(), %s, %s, 1, 'model.shop.orders', 'model', 'table', '{}', '{}')
"""
SCOPE = Scope(
    schemas=("analytics", "raw"), beginning="analytics.", sources=(relation("orders", schema="raw"),), covered=""
)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Give a session on a warehouse with a source, some relations, and the record of one of them."""
    database.query(WAREHOUSE)
    with closing(database.connect()) as opened:
        ensure_schema(opened, "dbt_state_plugin")
        opened.cursor().execute("SET search_path = ''; SET timezone = 'UTC'")
        environment = Environment(project="shop", target="dev", database=database.dbname, schema="analytics")
        state = open_state(opened, "dbt_state_plugin", environment)
        for schema, identifier in (("analytics", "orders"), ("", "analytics.test.shop.one"), ("other", "orders")):
            opened.cursor().execute(RECORD, (schema, identifier))
        address = StateAddress(database=DatabaseSettings(), schema="dbt_state_plugin")
        target = Target(state=address, environment=environment)
        yield Session(target=target, state=state, warehouse=PostgresWarehouse(opened))


DIFFERENCES = (
    "ALTER TABLE analytics.orders ADD COLUMN more int",
    "ALTER TABLE analytics.orders RENAME COLUMN note TO remark",
    "ALTER TABLE analytics.orders ALTER COLUMN note TYPE varchar(20)",
    "ALTER TABLE analytics.unread RENAME TO read",
    "ALTER TYPE other.mood RENAME TO temper",
    "DROP TABLE analytics.unread",
    "DROP TABLE analytics.unread; CREATE TABLE analytics.unread (id int)",
    "TRUNCATE analytics.unread",
    "CREATE OR REPLACE VIEW analytics.seen AS SELECT id FROM analytics.orders WHERE id > 0",
    "CREATE VIEW analytics.new AS SELECT 1 AS id",
    "REFRESH MATERIALIZED VIEW analytics.kept",
    "CREATE INDEX ON analytics.orders (id)",
    "ALTER TABLE analytics.orders ADD CHECK (id > 0)",
    "ALTER TABLE analytics.orders ALTER COLUMN id SET NOT NULL",
    "ALTER TABLE analytics.orders ALTER COLUMN id SET DEFAULT 7",
    "GRANT SELECT ON analytics.seen TO public",
    "GRANT SELECT (id) ON analytics.orders TO public",
    "COMMENT ON COLUMN analytics.orders.id IS 'one'",
    "ALTER TABLE analytics.orders SET (fillfactor = 70)",
    "ALTER TABLE analytics.orders REPLICA IDENTITY FULL",
    "ALTER TABLE analytics.orders ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON analytics.orders USING (true)",
    "ALTER TABLE analytics.orders OWNER TO pg_database_owner",
    "CREATE TRIGGER t BEFORE UPDATE ON analytics.orders FOR EACH ROW "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "INSERT INTO raw.orders VALUES (1, 1)",
    "INSERT INTO analytics.orders VALUES (1, 'a')",
    "ALTER TABLE raw.orders ADD COLUMN more int",
    "UPDATE dbt_state_plugin.relation SET trace = trace WHERE identifier = 'orders' AND schema_name = 'analytics'",
    "UPDATE dbt_state_plugin.relation SET trace = trace WHERE schema_name = ''",
    "UPDATE dbt_state_plugin.relation SET built_at = built_at - interval '1 day' WHERE schema_name = 'other'",
    "DELETE FROM dbt_state_plugin.relation WHERE schema_name = 'analytics'",
    "INSERT INTO dbt_state_plugin.environment (project_name) VALUES ('else');"
    "UPDATE dbt_state_plugin.relation SET environment_id = e.environment_id FROM dbt_state_plugin.environment e "
    "WHERE e.project_name = 'else'",
)


@pytest.mark.parametrize("change", DIFFERENCES)
def test_what_a_plan_looks_at_makes_other_evidence(session: Session, database: Database, change: str) -> None:
    before = inputs_fingerprint(session, RunOptions(), SCOPE)

    database.load(change)

    assert before is not None
    assert inputs_fingerprint(session, RunOptions(), SCOPE) != before


@pytest.mark.parametrize(
    "change",
    [
        "VACUUM ANALYZE analytics.orders",
        "CREATE TABLE other.more (id int); DROP TABLE other.orders",
    ],
)
def test_what_no_plan_looks_at_leaves_the_evidence_as_it_was(session: Session, database: Database, change: str) -> None:
    before = inputs_fingerprint(session, RunOptions(), SCOPE)

    database.load(change)

    assert inputs_fingerprint(session, RunOptions(), SCOPE) == before


@pytest.mark.parametrize(("schema", "identifier"), [("analytics", "any"), ("", "analytics.test.shop.one")])
def test_nothing_stands_while_an_intent_is_open(
    session: Session, database: Database, schema: str, identifier: str
) -> None:
    execution: Any = database.query(
        "INSERT INTO dbt_state_plugin.execution (execution_id, environment_id, command, is_exclusive, caller, "
        "tool_version) VALUES (gen_random_uuid(), 1, 'run', false, 'cli', '1') RETURNING execution_id::text"
    )
    database.query(
        "INSERT INTO dbt_state_plugin.intent (database_name, schema_name, identifier, execution_id, unique_id) "
        "VALUES (current_database(), %s, %s, %s, 'model.shop.any')",
        (schema, identifier, execution[0][0]),
    )

    assert inputs_fingerprint(session, RunOptions(), SCOPE) is None


def test_nothing_stands_when_a_build_is_too_old_or_the_covered_checksums_are_gone(session: Session) -> None:
    assert inputs_fingerprint(session, RunOptions(), replace(SCOPE, until="2000-01-01T00:00:00+00:00")) is None
    assert inputs_fingerprint(session, RunOptions(), replace(SCOPE, until="2999-01-01T00:00:00+00:00")) is not None
    assert inputs_fingerprint(session, RunOptions(), replace(SCOPE, covered="0" * 64)) is None


def test_another_wish_or_setting_makes_other_evidence(session: Session) -> None:
    wishes = (
        RunOptions(),
        RunOptions(command="build"),
        RunOptions(volatile="never"),
        RunOptions(on_logic_change="fail"),
    )
    target = replace(session.target, data_version="content")

    found = {inputs_fingerprint(session, options, SCOPE) for options in wishes}

    assert len(found) == len(wishes)
    assert inputs_fingerprint(replace(session, target=target), RunOptions(), SCOPE) not in found
