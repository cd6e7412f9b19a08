"""Settings of sessions on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from support.database import Database

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.warehouse.postgres.catalog import read_counters
from dbt_state_plugin.warehouse.postgres.named_relations import named_relations
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt, read_session_settings


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """Give the name of a role that may log in."""
    name = f"analyst_{uuid4().hex}"
    database.query(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'x'")
    yield name
    database.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


def opened(database: Database, role: str) -> Any:
    settings = DatabaseSettings(host=database.host, port=database.port, user=role, password="x", dbname=database.dbname)
    return connect(settings)


def test_settings_that_say_what_a_statement_means_come_from_wherever_they_are_set(
    database: Database, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.query(
        f"ALTER DATABASE {database.dbname} SET shop.tenant = 'all'; ALTER ROLE {role} SET shop.tenant = 'north'; "
        f"ALTER DATABASE {database.dbname} SET shop.currency = 'EUR'; ALTER ROLE {role} SET transform_null_equals = on"
    )
    monkeypatch.setenv("PGOPTIONS", "-c shop.year=2026 -c bytea_output=escape")

    with closing(opened(database, role)) as connection:
        found = read_session_settings(connection)

    assert {name: value for name, value in found.items() if name.startswith("shop.")} == {
        "shop.currency": "EUR",
        "shop.tenant": "north",
        "shop.year": "2026",
    }
    assert (found["transform_null_equals"], found["bytea_output"], found["user"]) == ("on", "escape", role)


def test_what_is_recorded_of_a_table_is_spelled_the_same_whatever_is_set_for_the_role(
    database: Database, role: str
) -> None:
    relation = RelationName(database=database.dbname, schema="raw", identifier="orders")
    database.query("CREATE SCHEMA raw; CREATE TABLE raw.orders (id int); SELECT pg_stat_reset()")

    def counters() -> Any:
        with closing(opened(database, role)) as connection:
            return read_counters(connection, [relation])

    before = counters()
    database.query(
        f"ALTER ROLE {role} SET extra_float_digits = -5; ALTER ROLE {role} SET datestyle = 'German'; "
        f"ALTER ROLE {role} SET timezone = 'Asia/Tokyo'"
    )

    assert counters() == before


def test_a_sequence_that_a_query_reads_is_named(database: Database) -> None:
    database.query("CREATE SCHEMA raw; CREATE SEQUENCE raw.tickets")

    with closing(database.connect()) as connection:
        found = named_relations(connection, "SELECT last_value FROM raw.tickets", of_dbt=SessionOfDbt())

    assert found == (("raw", "tickets"),)
