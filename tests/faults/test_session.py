"""The state's connections under odd roles, servers and networks."""

from __future__ import annotations

from contextlib import closing

from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from faults.world import World


def test_the_timeouts_of_a_role_do_not_end_what_a_run_does(world: World) -> None:
    settings = ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
    for name in settings:
        world.execute(f"ALTER DATABASE {world.database} SET {name} = '100ms'")

    with closing(connect(DatabaseSettings.from_url(world.url))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
        cursor.execute("BEGIN; SELECT 1")
        world.execute("SET statement_timeout = 0; SELECT pg_sleep(0.3)")
        cursor.execute("COMMIT")
        world.execute("SELECT pg_sleep(0.3)")
        cursor.execute("SELECT 1")

        assert cursor.fetchall() == [(1,)]


def test_a_mark_survives_a_crash_of_a_server_that_does_not_wait_for_its_disk(world: World) -> None:
    settings = DatabaseSettings.from_url(world.url)
    expected = {"off": "local", "remote_apply": "remote_apply"}

    found = {}
    for configured in expected:
        world.execute(f"ALTER DATABASE {world.database} SET synchronous_commit = '{configured}'")
        with closing(connect(settings)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            found[configured] = cursor.fetchone()[0]

    assert found == expected
