"""Past of an environment, and whether the state continues it.

A state that is not kept in the warehouse can be older than the warehouse or newer, when one of them was restored from
a backup or replaced by a copy. Then numbers that name relations may have been given twice, and nothing that was
recorded says what is there. The state keeps how far the warehouse had come, and a file beside a state in SQLite keeps
how often the environment had been locked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.lock import file_of_lock

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.relations import Environment
    from dbt_state_plugin.state.state import State

_NOTE = """
    UPDATE {state}.environment
    SET times_locked = greatest(times_locked, %(noted)s) + 1,
        warehouse_position = coalesce(%(position)s, warehouse_position),
        restored_at = CASE WHEN %(is_restored)s THEN clock_timestamp() ELSE restored_at END
    WHERE environment_id = %(environment)s
    RETURNING times_locked
"""
_NOTE_POSITION = "UPDATE {state}.environment SET warehouse_position = %s WHERE environment_id = %s"


def went_back(before: str, now: str) -> bool:
    """Return whether a warehouse is before a position that it had, or on another timeline."""
    line_before, _, number_before = before.rpartition("/")
    line, _, number = now.rpartition("/")
    return line != line_before or not number_before.isdecimal() or int(number) < int(number_before)


def times_noted(connection: Any, schema: str, environment: Environment) -> int:
    """Return how often the file beside a state says that the environment was locked; 0 if there is none."""
    if not is_sqlite(connection):
        return 0
    with database_errors("Cannot read the folder of the locks"):
        return int(connection.times_noted(file_of_lock(environment, schema)))


def note_past(state: State, *, noted: int, position: str | None, is_restored: bool) -> None:
    """Record the warehouse's position, and that the environment was locked once more; its lock must be held."""
    values = {"noted": noted, "position": position, "is_restored": is_restored, "environment": state.environment_id}
    times = state.rows(_NOTE, values)[0][0]
    if is_sqlite(state.connection):
        with database_errors("Cannot write the folder of the locks"):
            connection: Any = state.connection
            connection.note_times(file_of_lock(state.environment, state.schema), times)


def note_position(state: State, position: str) -> None:
    """Record the warehouse's position."""
    state.execute(_NOTE_POSITION, (position, state.environment_id))
