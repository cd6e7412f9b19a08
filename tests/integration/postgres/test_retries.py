"""Retries of connections, only where another try may help."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from psycopg2 import sql
from support.database import Database
from support.roles import execute, logins

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings


@pytest.fixture
def crowded(database: Database) -> Iterator[Database]:
    """Give a role whose connections are all taken."""
    with logins(database) as make:
        role = make("crowded")
        execute(database, "ALTER ROLE {} CONNECTION LIMIT 0", sql.Identifier(role.user))
        yield role


class MakingRoom(logging.Handler):
    """Let the role connect as soon as the first failure is said."""

    def __init__(self, database: Database, role: Database) -> None:
        super().__init__()
        self.database, self.role = database, role
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        execute(self.database, "ALTER ROLE {} CONNECTION LIMIT 5", sql.Identifier(self.role.user))


@pytest.fixture
def making_room(database: Database, crowded: Database) -> Iterator[MakingRoom]:
    handler = MakingRoom(database, crowded)
    log = logging.getLogger("dbt_state_plugin.postgres.connection")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def settings_of(role: Database, retries: int) -> DatabaseSettings:
    return replace(DatabaseSettings.from_url(role.url), retries=retries)


def test_a_connection_that_is_refused_for_a_while_is_tried_again_and_said(
    crowded: Database, making_room: MakingRoom
) -> None:
    with closing(connect(settings_of(crowded, 3), writes=False)) as opened, opened.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        assert cursor.fetchall() == [(crowded.user,)]

    (said,) = making_room.said
    assert said.startswith(f"Cannot use the database {crowded.user}@")
    assert said.endswith("Trying again in 1 s (1 of 3).")


def test_without_retries_the_first_failure_is_the_last(crowded: Database, making_room: MakingRoom) -> None:
    with pytest.raises(StateError, match="too many connections"):
        connect(settings_of(crowded, 0))

    assert making_room.said == []


def test_what_another_try_cannot_change_is_not_tried_again(database: Database, making_room: MakingRoom) -> None:
    with pytest.raises(StateError, match="does not exist"):
        connect(replace(settings_of(database, 5), dbname="nowhere"))
    with pytest.raises(StateError, match="invalid port number"):
        connect(replace(settings_of(database, 5), port=99_999))

    assert making_room.said == []
