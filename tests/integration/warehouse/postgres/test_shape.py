"""Shapes of relations that PostgreSQL tells, equal for equal definitions."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from support.database import Database
from support.values import relation

from dbt_state_plugin.core.versions.shape import foreign_keys, shape_changes
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

ORDERS = relation("orders", schema="an")
CREATED = """
    CREATE SCHEMA IF NOT EXISTS an;
    CREATE TABLE an.people (id int PRIMARY KEY);
    CREATE TABLE an.orders (id int NOT NULL DEFAULT 1, person int, CONSTRAINT KEY PRIMARY KEY (id),
        CONSTRAINT FOREIGN FOREIGN KEY (person) REFERENCES an.people, CHECK (person > 0), UNIQUE (person, id));
    CREATE UNIQUE INDEX "INDEX" ON an.orders (person) WHERE person > 0;
    COMMENT ON TABLE an.orders IS 'all';
    COMMENT ON COLUMN an.orders.id IS 'one';
    GRANT SELECT, INSERT ON an.orders TO public;
    GRANT UPDATE (person) ON an.orders TO public;
    CREATE VIEW an.shown WITH (security_barrier) AS SELECT id FROM an.orders
"""


def created(database: Database, names: str) -> None:
    key, foreign, index = names.split()
    statement = CREATED.replace("CONSTRAINT KEY", f"CONSTRAINT {key}").replace(
        "CONSTRAINT FOREIGN", f"CONSTRAINT {foreign}"
    )
    database.query(statement.replace('"INDEX"', f'"{index}"'))


def shape_of(database: Database, name: str = "orders") -> str:
    """Return the shape that a plan sees; what a build records and what a run reads at its end must be the same."""
    key = relation(name, schema="an")
    with closing(connect(DatabaseSettings.from_url(database.url))) as connection:
        warehouse = PostgresWarehouse(connection)
        shape = warehouse.catalog([key]).shapes[key]
        present = warehouse.present(key)
        assert present is not None
        assert (present.shape, warehouse.shapes([key])) == (shape, {key: (present.identity, shape)})
        sql = warehouse.identity_sql(connection)
        assert sql is not None
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT shape::text FROM ({sql}) AS here", {"schema": "an", "identifier": name})
            assert cursor.fetchall() == [(shape,)]
    return shape


def test_all_things_are_named_and_equal_definitions_are_equal_whatever_their_names(database: Database) -> None:
    created(database, "a b c")
    before = shape_of(database)
    assert [(kind, name) for kind, name, _ in json.loads(before)] == [
        ("server", ""),
        ("check constraint", "orders_person_check"),
        ("comment", ""),
        ("comment", "id"),
        ("default", "id"),
        ("foreign key", "b"),
        ("index", "c"),
        ("not null", "id"),
        ("owner", ""),
        ("primary key", "a"),
        ("privilege", "INSERT to PUBLIC"),
        ("privilege", "SELECT to PUBLIC"),
        ("privilege", "UPDATE (person) to PUBLIC"),
        ("unique constraint", "orders_person_id_key"),
    ]
    assert [name for kind, name, _ in json.loads(shape_of(database, "shown")) if kind == "option"] == [
        "security_barrier"
    ]
    database.query("DROP SCHEMA an CASCADE")

    created(database, "x y z")

    assert shape_changes(before, shape_of(database)) == ()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DROP INDEX an.c; CREATE UNIQUE INDEX c ON an.orders (person)", "index c changed"),
        ("ALTER TABLE an.orders DROP CONSTRAINT b", "foreign key b gone"),
        ("ALTER TABLE an.orders DROP CONSTRAINT orders_person_check", "check constraint orders_person_check gone"),
        ("ALTER TABLE an.orders ADD CHECK (id > 0)", "check constraint orders_id_check added"),
        ("REVOKE UPDATE (person) ON an.orders FROM public", "privilege UPDATE (person) to PUBLIC gone"),
        ("REVOKE INSERT ON an.orders FROM public", "privilege INSERT to PUBLIC gone"),
        ("REVOKE DELETE ON an.orders FROM current_user", "privileges of the owner  changed"),
        ("COMMENT ON COLUMN an.orders.id IS 'two'", "comment id changed"),
        ("ALTER TABLE an.orders ALTER id SET DEFAULT 2", "default id changed"),
        ("ALTER TABLE an.orders REPLICA IDENTITY FULL", "option replica identity added"),
        ("ALTER TABLE an.orders FORCE ROW LEVEL SECURITY, ENABLE ROW LEVEL SECURITY", "row security  changed"),
        ("ALTER TABLE an.orders OWNER TO pg_database_owner", "owner  changed"),
        ("ALTER TABLE an.orders RENAME CONSTRAINT b TO bb", ""),
        ("ANALYZE an.orders; VACUUM an.orders; REINDEX TABLE an.orders", ""),
    ],
)
def test_what_differs_is_named_and_nothing_else(database: Database, change: str, found: str) -> None:
    created(database, "a b c")
    before = shape_of(database)

    for statement in change.split("; "):
        database.query(statement)

    changes = [
        f"{thing.kind} {thing.name} {change.value}" for thing, change in shape_changes(before, shape_of(database))
    ]
    assert changes == ([found] if found else [])


def test_foreign_keys_stand_in_the_catalog_as_in_the_shape_of_their_table(database: Database) -> None:
    created(database, "a b c")

    with closing(connect(DatabaseSettings.from_url(database.url))) as connection:
        catalog = PostgresWarehouse(connection).catalog([ORDERS])

    ((table, key),) = catalog.foreign_keys[relation("people", schema="an")]
    assert table == ORDERS
    assert {key} == foreign_keys(catalog.shapes[ORDERS])
    assert list(catalog.cascades.values()) == [(relation("shown", schema="an"),)]
