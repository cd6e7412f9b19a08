"""Migrations of a state in a file, up and down."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.recording import ORDERS, built, key_of

from dbt_state_plugin.core.values.findings import has_errors
from dbt_state_plugin.errors import StateError, UsageError
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import APPLICATION_ID, SqliteConnection, connect
from dbt_state_plugin.sqlite.functions import define_functions
from dbt_state_plugin.state import alembic_script, migration, schema, sqlite_schema, version
from dbt_state_plugin.state.invariants import violations
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State
from dbt_state_plugin.state.version import KNOWN_VERSIONS

SCHEMA = "dbt_state_plugin"
DUMPS = Path(__file__).parents[2] / "acceptance" / "dumps" / "sqlite"
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


@pytest.fixture
def dumped(address: SqliteAddress, request: pytest.FixtureRequest) -> Iterator[SqliteConnection]:
    """Give a state as the commit wrote it that had this version."""
    with closing(connect(address)) as connection:
        load(address.path, request.param)
        yield connection


def load(path: Path, number: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        define_functions(raw)
        raw.executescript(f"PRAGMA application_id = {APPLICATION_ID};" + (DUMPS / f"{number}.sql").read_text("utf-8"))


def rows(connection: Any) -> dict[str, list[str]]:
    """Return the rows of each table, but for the version and what is only kept to save time."""
    found = {}
    with connection.cursor() as cursor:
        for name, text in tables(connection).items():
            if text.startswith("CREATE TABLE") and name not in ("alembic_version", "project_snapshot", "manifest"):
                cursor.execute(f'SELECT * FROM "{name}"')
                found[name] = sorted(map(repr, cursor.fetchall()))
    return found


def test_there_is_a_dump_of_each_version_that_was_in_a_file() -> None:
    assert {path.stem for path in DUMPS.glob("*.sql")} == {number for number in KNOWN_VERSIONS if number > "0009"}


@pytest.mark.parametrize("dumped", sorted(path.stem for path in DUMPS.glob("*.sql")), indirect=True)
def test_a_state_of_each_version_goes_up_and_down_without_loss(dumped: SqliteConnection) -> None:
    connection: Any = dumped
    before, old, shape = rows(dumped), migration.current(connection, SCHEMA), tables(dumped)
    assert len(before["relation"]) == 5

    assert migration.rehearse(connection, SCHEMA).lost == ()
    schema.ensure_schema(connection, SCHEMA)
    assert migration.current(connection, SCHEMA) == version.EXPECTED_VERSION
    assert not has_errors(violations(connection, SCHEMA))
    migration.downgrade(connection, SCHEMA, str(old))

    assert rows(dumped) == before
    assert tables(dumped) == shape


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
