"""Administration of the state: version, migrations, retention."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import Any

from dbt_state_plugin.core.values.findings import Finding
from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.target import StateAddress, Target
from dbt_state_plugin.state import migration, retention, roles
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.state.invariants import violations
from dbt_state_plugin.state.migration import Rehearsal, Version
from dbt_state_plugin.state.retention import Pruned
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.version import require_schema

DEFAULT_KEEP_DAYS = 90
DEFAULT_SCHEMA = "dbt_state_plugin"


def upgrade_state(address: StateAddress) -> tuple[str | None, str | None]:
    """Create or upgrade the state; return the version before (None: there was no state) and after."""
    with _connection(address) as connection:
        before = migration.current(connection, address.schema)
        ensure_schema(connection, address.schema)
        return before, migration.current(connection, address.schema)


def rehearse_upgrade(address: StateAddress) -> Rehearsal:
    """Upgrade in a transaction that is rolled back; return what it would do."""
    with _connection(address) as connection:
        return migration.rehearse(connection, address.schema)


def check_state(address: StateAddress) -> tuple[Finding, ...]:
    """Return the violated invariants of the state, of all environments; none if there is no state yet.

    Raises StateError when the state has another version than this tool.
    """
    with _connection(address, writes=False) as connection:
        return violations(connection, address.schema) if require_schema(connection, address.schema) else ()


def downgrade_state(address: StateAddress, revision: str) -> tuple[str | None, str | None]:
    """Bring the state back to an older version, or remove it (`base`); return the version before and after."""
    with _connection(address) as connection:
        before = migration.current(connection, address.schema)
        migration.downgrade(connection, address.schema, revision)
        return before, migration.current(connection, address.schema)


def upgrade_script(schema: str, start: str = migration.BASE) -> str:
    """Return the SQL of an upgrade from version `start`, without a connection; raises UsageError."""
    return migration.upgrade_script(schema, start)


def downgrade_script(schema: str, revision: str) -> str:
    """Return the SQL of a downgrade from this tool's version, without a connection; raises UsageError."""
    return migration.downgrade_script(schema, revision)


def roles_script(schema: str) -> str:
    """Return the SQL that separates owner, writers and readers, without a connection; raises UsageError."""
    return roles.roles_script(schema)


def sources_yaml(schema: str) -> str:
    """Return the YAML that declares the views of a state as sources of dbt."""
    text = files("dbt_state_plugin.state").joinpath("sources.yml").read_text(encoding="utf-8")
    return text.replace(f"schema: {DEFAULT_SCHEMA}\n", f"schema: {json.dumps(schema)}\n", 1)


def current_version(address: StateAddress) -> str | None:
    """Return the version of the state, even if newer than this tool, or None when there is no state."""
    with _connection(address, writes=False) as connection:
        return migration.current(connection, address.schema)


def known_versions() -> tuple[Version, ...]:
    """Return the versions that this tool knows, oldest first."""
    return migration.history()


def prune_state(address: StateAddress, *, keep_days: int = DEFAULT_KEEP_DAYS, dry_run: bool = False) -> Pruned:
    """Remove what ended more than `keep_days` days ago, in all environments of the state."""
    with _connection(address, writes=not dry_run) as connection:
        if not require_schema(connection, address.schema):
            return Pruned(executions=0, checksum_sets=0, definitions=0)
        return retention.prune(connection, address.schema, keep_days=keep_days, dry_run=dry_run)


def prune_environment(target: Target, *, keep_days: int = DEFAULT_KEEP_DAYS, dry_run: bool = False) -> Pruned:
    """Remove what ended more than `keep_days` days ago in this environment only; raises NotFoundError."""
    with open_session(target, create=False) as session:
        if not session.state.environment_id:
            raise NotFoundError(
                f"Nothing is recorded for {session.state.environment}.",
                "Leave --this-environment out, or name another.",
            )
        return retention.prune(
            session.state.connection,
            target.state.schema,
            keep_days=keep_days,
            environment_id=session.state.environment_id,
            dry_run=dry_run,
        )


@contextmanager
def _connection(address: StateAddress, *, writes: bool = True) -> Iterator[Any]:
    # Unlike a session, this asks for no environment: the state of all of them is meant.
    with closing(connect(address.database, writes=writes)) as connection:
        yield connection
