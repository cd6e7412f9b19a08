"""Drops on PostgreSQL: refused, cascading, and recorded."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from support.database import Database, fresh_database
from support.values import node, record

from dbt_state_plugin.core.values.orphans import Action, DropCheck, Orphan
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationKind, RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.operations.orphans import carry_out
from dbt_state_plugin.operations.session import Session
from dbt_state_plugin.operations.target import StateAddress, Target
from dbt_state_plugin.postgres.connection import transaction
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.report.cause_words import cause_words
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.testing.postgres_server import Server
from dbt_state_plugin.warehouse.postgres.drops import DropRefused, drop_relation, read_drop_checks
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

HOSTILE = "we\"ird; drop -- 'tö' 日"
SCHEMA = 'old "marts"'


@pytest.fixture
def warehouse(database: Database) -> Iterator[Connection]:
    """Give a connection to a database with a schema of hostile name; sql in the tests calls it {s}."""
    with closing(database.connect()) as opened:
        do(opened, "CREATE SCHEMA {s}")
        yield opened


def do(on: Connection, statement: str, **more: sql.Composable) -> list[tuple[Any, ...]]:
    with on.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(s=sql.Identifier(SCHEMA), x=sql.Identifier(SCHEMA, HOSTILE), **more))
        return cursor.fetchall() if cursor.description else []


def named(identifier: str = HOSTILE) -> RelationName:
    return RelationName(database="db", schema=SCHEMA, identifier=identifier)


def check(on: Connection, identifier: str = HOSTILE) -> DropCheck:
    return read_drop_checks(on, [named(identifier)])[named(identifier)]


def drop(on: Connection, identity: Identity, name: RelationName | None = None, **options: Any) -> None:
    with transaction(on) as cursor:
        drop_relation(cursor, name or named(), identity, **options)


def is_there(on: Connection, identifier: str = HOSTILE) -> bool:
    return bool(read_drop_checks(on, [named(identifier)]))


KINDS = {
    RelationKind.TABLE: "CREATE TABLE {x} AS SELECT 1 AS id",
    RelationKind.PARTITIONED_TABLE: "CREATE TABLE {x} (id int) PARTITION BY RANGE (id)",
    RelationKind.VIEW: "CREATE VIEW {x} AS SELECT 1 AS id",
    RelationKind.MATERIALIZED_VIEW: "CREATE MATERIALIZED VIEW {x} AS SELECT 1 AS id",
    RelationKind.FOREIGN_TABLE: "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER away FOREIGN DATA WRAPPER w; "
    "CREATE FOREIGN TABLE {x} (id int) SERVER away",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_relation_with_a_hostile_name_can_be_dropped(kind: RelationKind, warehouse: Connection) -> None:
    do(warehouse, KINDS[kind])
    found = check(warehouse)
    assert (found.identity.kind, found.dependants, found.may_drop) == (kind, (), True)

    drop(warehouse, found.identity)

    assert not is_there(warehouse)


def test_what_is_no_table_or_view_is_not_dropped(warehouse: Connection) -> None:
    do(warehouse, "CREATE SEQUENCE {x}")

    with pytest.raises(DropRefused, match="neither a table nor a view"):
        drop(warehouse, check(warehouse).identity)

    assert is_there(warehouse)


Q = '"' + HOSTILE.replace('"', '""') + '"'
DEPENDANTS = {
    "CREATE VIEW {s}.d AS SELECT * FROM {x}": 'view "old ""marts""".d',
    "CREATE MATERIALIZED VIEW {s}.d AS SELECT id FROM {x}": 'materialized view "old ""marts""".d',
    "CREATE TABLE {s}.d (id int CONSTRAINT fk REFERENCES {x})": 'constraint fk on table "old ""marts""".d',
    "CREATE TABLE {s}.d (whole {x})": 'column whole of table "old ""marts""".d',
    "CREATE TABLE {s}.d () INHERITS ({x})": 'table "old ""marts""".d',
    "CREATE SEQUENCE {s}.q OWNED BY {x}.id; CREATE TABLE {s}.d (id int DEFAULT nextval({q}))": (
        'default value for column id of table "old ""marts""".d'
    ),
    "CREATE FUNCTION {s}.d() RETURNS int BEGIN ATOMIC SELECT id FROM {x}; END": 'function "old ""marts""".d()',
    "CREATE FUNCTION {s}.d(whole {x}) RETURNS int LANGUAGE sql AS 'SELECT 1'": (
        'function "old ""marts""".d("old ""marts""".' + Q + ")"
    ),
    "CREATE TABLE {s}.d (id int); CREATE RULE r AS ON DELETE TO {s}.d DO ALSO DELETE FROM {x}": (
        'rule r on table "old ""marts""".d'
    ),
    "CREATE TABLE {s}.d (id int); ALTER TABLE {s}.d ENABLE ROW LEVEL SECURITY; "
    "CREATE POLICY p ON {s}.d USING (EXISTS (SELECT FROM {x}))": 'policy p on table "old ""marts""".d',
}
TABLE = "CREATE TABLE {x} (id int PRIMARY KEY, number serial, name text)"


@pytest.mark.parametrize("statement", DEPENDANTS)
def test_whatever_makes_postgresql_refuse_is_seen_before_and_the_relation_stays(
    statement: str, warehouse: Connection
) -> None:
    do(warehouse, TABLE)
    do(warehouse, statement, q=sql.Literal('"old ""marts""".q'))

    found = check(warehouse)

    assert DEPENDANTS[statement] in [dependant.description for dependant in found.dependants]
    with pytest.raises(DropRefused, match=r"^others depend on it: "):
        drop(warehouse, found.identity)
    assert is_there(warehouse)


def test_what_belongs_to_the_relation_does_not_keep_it(warehouse: Connection) -> None:
    do(warehouse, TABLE)
    do(
        warehouse,
        """
        CREATE INDEX ON {x} (name); CREATE STATISTICS {s}.st ON number, name FROM {x};
        CREATE FUNCTION {s}.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER t BEFORE INSERT ON {x} FOR EACH ROW EXECUTE FUNCTION {s}.f();
        ALTER TABLE {x} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {x} USING (id > 0);
        ALTER TABLE {x} ADD CONSTRAINT self FOREIGN KEY (number) REFERENCES {x} (id);
        COMMENT ON TABLE {x} IS 'x'; CREATE TABLE {s}.parent (id int PRIMARY KEY);
        ALTER TABLE {x} ADD FOREIGN KEY (id) REFERENCES {s}.parent
        """,
    )

    found = check(warehouse)

    assert (found.dependants, found.parts) == ((), ())
    drop(warehouse, found.identity)
    assert not is_there(warehouse)
    assert is_there(warehouse, "parent")


def test_dependants_that_go_with_another_relation_are_told_apart(warehouse: Connection) -> None:
    do(
        warehouse,
        TABLE + "; CREATE VIEW {s}.v AS SELECT * FROM {x}; CREATE TABLE {s}.t (id int REFERENCES {x}); "
        "CREATE VIEW {s}.stays AS SELECT * FROM {x}",
    )

    found = read_drop_checks(warehouse, [named(), named("v"), named("t")])

    goes_with = {dependant.description.split()[0]: dependant.goes_with for dependant in found[named()].dependants[:1]}
    assert goes_with == {"constraint": {named("t")}}
    views = {dependant.description: dependant.goes_with for dependant in found[named()].dependants[1:]}
    assert views == {'view "old ""marts""".stays': set(), 'view "old ""marts""".v': {named("v")}}


def test_a_partition_counts_its_parent_as_a_dependant_and_the_parent_names_its_partitions(
    warehouse: Connection,
) -> None:
    do(
        warehouse,
        "CREATE TABLE {s}.whole (id int) PARTITION BY RANGE (id); "
        "CREATE TABLE {x} PARTITION OF {s}.whole FOR VALUES FROM (1) TO (5)",
    )

    assert [dependant.description for dependant in check(warehouse).dependants] == ['table "old ""marts""".whole']
    assert (check(warehouse, "whole").parts, check(warehouse, "whole").dependants) == ((named(),), ())


def test_a_relation_that_is_replaced_while_the_drop_waits_for_it_stays(
    warehouse: Connection, database: Database
) -> None:
    do(warehouse, TABLE)
    recorded = check(warehouse).identity
    refusals: list[DropRefused] = []

    def wait_and_drop() -> None:
        with pytest.raises(DropRefused) as refusal:
            drop(warehouse, recorded)
        refusals.append(refusal.value)

    with closing(database.connect()) as other:
        do(other, "BEGIN; DROP TABLE {x}; CREATE TABLE {x} (mine int)")
        waiting = threading.Thread(target=wait_and_drop)
        waiting.start()
        while not database.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s", (recorded.object_id,)):
            pass
        do(other, "COMMIT")
        waiting.join()

    assert [refusal.why for refusal in refusals] == ["it is not the one that was recorded: it was replaced just now"]
    assert not check(warehouse).identity.is_same_object_as(recorded)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("DROP TABLE {x}", "it was dropped or replaced just now"),
        ("DROP TABLE {x}; CREATE VIEW {x} AS SELECT 1 AS id", "it was dropped or replaced just now"),
        ("DROP TABLE {x}; CREATE TABLE {x} (mine int)", "it was replaced just now"),
    ],
)
def test_another_relation_under_the_name_stays(change: str, why: str, warehouse: Connection) -> None:
    do(warehouse, TABLE)
    recorded = check(warehouse).identity
    do(warehouse, change)
    before = read_drop_checks(warehouse, [named()])

    with pytest.raises(DropRefused, match=why):
        drop(warehouse, recorded)

    assert read_drop_checks(warehouse, [named()]) == before


def test_a_relation_that_somebody_uses_stays(warehouse: Connection, database: Database) -> None:
    do(warehouse, TABLE)
    with closing(database.connect()) as reader:
        do(reader, "BEGIN; SELECT * FROM {x}")

        with pytest.raises(DropRefused, match="it is in use"):
            drop(warehouse, check(warehouse).identity, lock_wait_ms=50)

    assert is_there(warehouse)


def test_a_role_that_does_not_own_the_relation_is_told_who_does(warehouse: Connection, database: Database) -> None:
    do(warehouse, TABLE)
    guest = f"guest_{secrets.token_hex(4)}"
    do(warehouse, "CREATE ROLE {guest}; GRANT USAGE ON SCHEMA {s} TO {guest}", guest=sql.Identifier(guest))
    try:
        do(warehouse, "SET ROLE {guest}", guest=sql.Identifier(guest))

        found = check(warehouse)

        assert (found.may_drop, found.role, found.owner) == (False, guest, database.user)
        with pytest.raises(DropRefused, match=r"^must be owner of table "):
            drop(warehouse, found.identity)
        assert is_there(warehouse)
    finally:
        do(warehouse, "RESET ROLE; DROP OWNED BY {guest}; DROP ROLE {guest}", guest=sql.Identifier(guest))


def test_a_refusal_of_the_server_s_own_is_passed_on(warehouse: Connection) -> None:
    do(
        warehouse,
        TABLE + "; CREATE FUNCTION {s}.no() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'not on a Friday' USING HINT = 'wait'; END$$; "
        "CREATE EVENT TRIGGER guard ON sql_drop EXECUTE FUNCTION {s}.no()",
    )

    with pytest.raises(DropRefused, match=r"^not on a Friday$"):
        drop(warehouse, check(warehouse).identity)

    assert is_there(warehouse)


# What is recorded goes along, in one transaction where it is one database.

ENVIRONMENT = Environment(project="shop", target="dev", database="db", schema=SCHEMA)
OTHER = Environment(project="other", target="prod", database="db", schema=SCHEMA)
RECORD = """
    INSERT INTO {state}.relation (database_name, schema_name, identifier, environment_id, unique_id, resource_type,
                                  materialized, fingerprint, trace, build_id, data_id)
    VALUES ('db', %(schema)s, %(identifier)s, %(environment)s, 'model.shop.x', 'model', 'table', '{{}}', '{{}}',
            %(build)s, %(build)s)
"""
INTENT = """
    INSERT INTO {state}.execution (execution_id, environment_id, command, is_exclusive, status, finished_at, caller,
                                   tool_version)
    VALUES (%(execution)s, %(environment)s, 'run', true, 'failed', clock_timestamp() + interval '1 s', 'cli', '0');
    INSERT INTO {state}.intent (database_name, schema_name, identifier, execution_id, unique_id)
    VALUES ('db', %(schema)s, %(identifier)s, %(execution)s, 'model.shop.x')
"""
BUILD = UUID(int=5)


@pytest.fixture(params=["one database", "two databases"])
def session(request: Any, warehouse: Connection, postgres_server: Server) -> Iterator[Session]:
    """Give a session whose warehouse holds the recorded table {x}."""
    do(warehouse, TABLE)
    with ExitStack() as stack:
        on = warehouse
        if request.param == "two databases":
            on = stack.enter_context(closing(stack.enter_context(fresh_database(postgres_server)).connect()))
        ensure_schema(on, "meta")
        state = open_state(on, "meta", ENVIRONMENT)
        values = {"environment": state.environment_id, "build": str(BUILD)}
        state.execute(RECORD, {**values, "schema": SCHEMA, "identifier": HOSTILE})
        target = Target(state=StateAddress(database=DatabaseSettings(), schema="meta"), environment=ENVIRONMENT)
        yield Session(target=target, state=state, warehouse=PostgresWarehouse(warehouse))


@pytest.fixture
def left_behind(session: Session) -> Orphan:
    identity = check(connection_of(session)).identity
    item = record(node("model.shop.x"), relation=named(), identity=identity, build_id=BUILD)
    return Orphan(record=item, check=check(connection_of(session)), action=Action.DROP)


def intend(session: Session, environment: Environment) -> None:
    state = session.state
    mine = open_state(state.connection, "meta", environment)
    values = {"execution": str(UUID(int=9)), "environment": mine.environment_id}
    state.execute(INTENT, {**values, "schema": SCHEMA, "identifier": HOSTILE})


def recorded(state: State) -> tuple[int, int]:
    """Return how many relations and how many intents are recorded."""
    return (
        state.rows("SELECT count(*) FROM {state}.relation")[0][0],
        state.rows("SELECT count(*) FROM {state}.intent")[0][0],
    )


def test_the_record_and_our_own_intents_go_with_the_relation(session: Session, left_behind: Orphan) -> None:
    intend(session, ENVIRONMENT)

    assert carry_out(session, left_behind) == left_behind

    assert not is_there(connection_of(session))
    assert recorded(session.state) == (0, 0)


def test_what_is_only_forgotten_is_not_dropped(session: Session, left_behind: Orphan) -> None:
    carry_out(session, replace(left_behind, action=Action.FORGET))

    assert is_there(connection_of(session))
    assert recorded(session.state) == (0, 0)


def test_a_refused_drop_forgets_nothing(session: Session, left_behind: Orphan) -> None:
    do(connection_of(session), "CREATE VIEW {s}.v AS SELECT * FROM {x}")

    refused = carry_out(session, left_behind)

    assert (refused.action, cause_words(refused.why)[:27]) == (Action.REFUSE, 'others depend on it: view "')
    assert is_there(connection_of(session))
    assert recorded(session.state) == (1, 0)


def test_a_relation_that_another_environment_may_have_written_stays(session: Session, left_behind: Orphan) -> None:
    intend(session, OTHER)

    refused = carry_out(session, left_behind)

    assert cause_words(refused.why) == f"execution 00000000 of {OTHER} may have written it"
    assert is_there(connection_of(session))
    assert recorded(session.state) == (1, 1)


@pytest.mark.parametrize("change", ["environment_id", "build_id"])
def test_a_relation_that_was_recorded_again_stays(change: str, session: Session, left_behind: Orphan) -> None:
    other = open_state(session.state.connection, "meta", OTHER).environment_id
    value: object = other if change == "environment_id" else str(UUID(int=6))
    session.state.execute(f"UPDATE {{state}}.relation SET {change} = %s", (value,))

    refused = carry_out(session, left_behind)

    assert cause_words(refused.why) == "it was recorded by another run just now"
    assert is_there(connection_of(session))
    assert recorded(session.state) == (1, 0)


def test_nothing_is_dropped_when_the_connection_with_the_lock_is_lost(session: Session, left_behind: Orphan) -> None:
    with closing(psycopg2.connect(session.state.connection.dsn, password=password_of(session))) as killer:
        with killer.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (session.state.connection.info.backend_pid,))
        with pytest.raises(StateError):
            carry_out(session, left_behind)
        if not session.warehouse.shares(session.state.connection):
            assert is_there(connection_of(session))
        else:
            assert is_there(killer)


def password_of(session: Session) -> str:
    return session.state.connection.info.password or ""


def connection_of(session: Session) -> Connection:
    assert isinstance(session.warehouse, PostgresWarehouse)
    return session.warehouse.connection
