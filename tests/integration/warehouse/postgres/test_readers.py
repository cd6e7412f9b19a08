"""Relations in which rows written into others may show."""

from __future__ import annotations

from contextlib import closing

import pytest
from support.database import Database

from dbt_state_plugin.warehouse.postgres.readers import readers_of

SETUP = """
    CREATE SCHEMA marts;
    CREATE TABLE marts.written (id int PRIMARY KEY);
    CREATE TABLE marts.other (id int);
    CREATE VIEW marts.shown AS SELECT id FROM marts.written;
    CREATE MATERIALIZED VIEW marts.kept AS SELECT id FROM marts.shown;
    CREATE VIEW marts.of_kept AS SELECT id FROM marts.kept;
    CREATE TABLE marts.below (id int REFERENCES marts.written ON DELETE CASCADE);
"""
ON_WRITTEN = {"shown", "kept", "of_kept", "below"}


def read(database: Database, *names: str) -> set[str] | None:
    with closing(database.connect()) as opened:
        found = readers_of(opened, frozenset(("marts", name) for name in names))
    return None if found is None else {name for _, name in found}


def test_views_upon_views_and_what_foreign_keys_change_are_found(database: Database) -> None:
    database.query(SETUP)

    assert read(database, "written") == {"written", *ON_WRITTEN}
    assert read(database, "other") == {"other"}
    assert read(database, "other", "below") == {"other", "below"}


def test_a_materialized_view_that_is_built_shows_in_the_views_upon_it(database: Database) -> None:
    database.query(SETUP)

    assert read(database, "kept") == {"kept", "of_kept"}


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("SELECT 1", "shown"),
        ("CREATE RULE also AS ON INSERT TO marts.written DO ALSO INSERT INTO marts.other VALUES (1)", "written"),
        (
            "CREATE TRIGGER also BEFORE UPDATE ON marts.written FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "written",
        ),
    ],
)
def test_nobody_can_tell_what_rules_triggers_and_writes_into_views_do(
    database: Database, statement: str, written: str
) -> None:
    database.query(SETUP)
    database.query(statement)

    assert read(database, written) is None
