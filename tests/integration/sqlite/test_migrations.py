"""Migrations of a state in a file, up and down."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.recording import ORDERS, built, key_of

from dbt_state_plugin.errors import StateError, UsageError
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import SqliteConnection, connect
from dbt_state_plugin.state import alembic_script, migration, schema, sqlite_schema, version
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State

SCHEMA = "dbt_state_plugin"
LATER = """
from __future__ import annotations

from dbt_state_plugin.state.migrations.dialects import execute

revision = "later"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        postgresql="no SQL of SQLite's",
        sqlite=("ALTER TABLE relation ADD COLUMN later text", "CREATE VIEW shown AS SELECT later FROM relation"),
    )


def downgrade() -> None:
    execute(postgresql="no SQL of SQLite's", sqlite=("DROP VIEW shown", "ALTER TABLE relation DROP COLUMN later"))
"""


def tables(connection: Any) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%%' ORDER BY name")
        return dict(cursor.fetchall())


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the tool know one version more than it does."""
    newest = version.EXPECTED_VERSION
    folder = tmp_path / "migrations"
    shutil.copytree(alembic_script.MIGRATIONS, folder)
    (folder / "versions" / "later.py").write_text(LATER.replace("{newest}", newest))
    monkeypatch.setattr(alembic_script, "MIGRATIONS", folder)
    known = (*version.KNOWN_VERSIONS, "later")
    for module in (version, schema, migration, sqlite_schema, alembic_script):
        monkeypatch.setattr(module, "EXPECTED_VERSION", "later", raising=False)
        monkeypatch.setattr(module, "KNOWN_VERSIONS", known, raising=False)
    sqlite_schema.creating.cache_clear()
    yield
    sqlite_schema.creating.cache_clear()


def test_an_upgrade_is_rehearsed_and_loses_nothing(state: State, newer: None) -> None:
    connection = state.connection
    built(state, ORDERS)

    found = migration.rehearse(connection, SCHEMA)

    assert (found.after, found.lost) == ("later", ())
    assert found.rows["relation"] == (1, 1)
    assert migration.current(connection, SCHEMA) == found.before != "later"
    schema.ensure_schema(connection, SCHEMA)
    assert migration.current(connection, SCHEMA) == "later"
    assert key_of(ORDERS) in read_recorded(state, [key_of(ORDERS)]).relations


def test_a_downgrade_leaves_what_was_there_before(opened: SqliteConnection, newer: None) -> None:
    before, old = tables(opened), migration.current(opened, SCHEMA)  # type: ignore[arg-type]
    schema.ensure_schema(opened, SCHEMA)  # type: ignore[arg-type]
    assert "shown" in tables(opened)
    migration.downgrade(opened, SCHEMA, str(old))  # type: ignore[arg-type]
    assert tables(opened) == before


def test_the_newest_version_is_created_from_nothing(opened: SqliteConnection, tmp_path: Path, newer: None) -> None:
    schema.ensure_schema(opened, SCHEMA)  # type: ignore[arg-type]
    with closing(connect(SqliteAddress(path=tmp_path / "anew.sqlite"))) as anew:
        schema.ensure_schema(anew, SCHEMA)  # type: ignore[arg-type]
        assert tables(anew) == tables(opened)


def test_base_removes_all_tables(opened: SqliteConnection) -> None:
    migration.downgrade(opened, SCHEMA, "base")  # type: ignore[arg-type]
    assert tables(opened) == {}
    schema.ensure_schema(opened, SCHEMA)  # type: ignore[arg-type]


def test_base_removes_a_state_with_its_rows(state: State) -> None:
    built(state, ORDERS)
    migration.downgrade(state.connection, SCHEMA, "base")
    assert tables(state.connection) == {}


def test_a_version_that_never_was_in_a_file_is_refused(opened: SqliteConnection) -> None:
    with pytest.raises(UsageError, match="at least version 0009"):
        migration.downgrade(opened, SCHEMA, "0003")  # type: ignore[arg-type]


def test_a_newer_state_is_not_touched(opened: SqliteConnection) -> None:
    with opened.cursor() as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StateError, match="newer than this tool knows"):
        schema.ensure_schema(opened, SCHEMA)  # type: ignore[arg-type]
