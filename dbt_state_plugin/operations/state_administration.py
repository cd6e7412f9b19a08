"""Administration of the state: version, migrations, retention."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.operations.session import open_session, read_workplace
from dbt_state_plugin.operations.settings import Settings
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state import migration, retention, roles
from dbt_state_plugin.state.migration import Version
from dbt_state_plugin.state.retention import Pruned
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.version import require_schema

DEFAULT_KEEP_DAYS = 90


def upgrade_state(settings: Settings) -> tuple[str | None, str | None]:
    """Create or upgrade the state; return the version before (None: there was no state) and after."""
    with _connection(settings) as connection:
        before = migration.current(connection, settings.state_schema)
        ensure_schema(connection, settings.state_schema)
        return before, migration.current(connection, settings.state_schema)


def downgrade_state(settings: Settings, revision: str) -> tuple[str | None, str | None]:
    """Bring the state back to an older version, or remove it (`base`); return the version before and after."""
    with _connection(settings) as connection:
        before = migration.current(connection, settings.state_schema)
        migration.downgrade(connection, settings.state_schema, revision)
        return before, migration.current(connection, settings.state_schema)


def upgrade_script(settings: Settings, start: str = migration.BASE) -> str:
    """Return the SQL of an upgrade from version `start`, without a connection; raises UsageError."""
    return migration.upgrade_script(settings.state_schema, start)


def downgrade_script(settings: Settings, revision: str) -> str:
    """Return the SQL of a downgrade from this tool's version, without a connection; raises UsageError."""
    return migration.downgrade_script(settings.state_schema, revision)


def roles_script(settings: Settings) -> str:
    """Return the SQL that separates owner, writers and readers, without a connection; raises UsageError."""
    return roles.roles_script(settings.state_schema)


def current_version(settings: Settings) -> str | None:
    """Return the version of the state, also one newer than this tool, or None when there is no state."""
    with _connection(settings, writes=False) as connection:
        return migration.current(connection, settings.state_schema)


def known_versions() -> tuple[Version, ...]:
    """Return the versions that this tool knows, oldest first."""
    return migration.history()


def prune_state(
    settings: Settings, *, keep_days: int = DEFAULT_KEEP_DAYS, this_environment: bool = False, dry_run: bool = False
) -> Pruned:
    """Remove what ended more than `keep_days` days ago, in all environments of the state or in this one."""
    if this_environment:
        with open_session(settings, create=False) as session:
            if not session.state.environment_id:
                raise NotFoundError(
                    f"Nothing is recorded for {session.state.environment}.",
                    "Leave --this-environment out, or name another.",
                )
            return retention.prune(
                session.state.connection,
                settings.state_schema,
                keep_days=keep_days,
                environment_id=session.state.environment_id,
                dry_run=dry_run,
            )
    with _connection(settings, writes=not dry_run) as connection:
        if not require_schema(connection, settings.state_schema):
            return Pruned(executions=0, checksum_sets=0, definitions=0)
        return retention.prune(connection, settings.state_schema, keep_days=keep_days, dry_run=dry_run)


@contextmanager
def _connection(settings: Settings, *, writes: bool = True) -> Iterator[Any]:
    # Unlike a session, this asks for no environment: the state of all of them is meant.
    if settings.database_url:
        database = DatabaseSettings.from_url(settings.database_url)
    else:
        database = read_workplace(settings).profile.settings
    with closing(connect(database, writes=writes)) as connection:
        yield connection
