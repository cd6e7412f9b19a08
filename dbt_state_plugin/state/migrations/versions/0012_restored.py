"""Restored warehouses and states."""

from __future__ import annotations

from dbt_state_plugin.state.migrations.dialects import execute

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = {
    "warehouse_position": "text",
    "restored_at": "timestamptz",
    "times_locked": "bigint NOT NULL DEFAULT 0",
}
_ADDED = tuple(f"ALTER TABLE environment ADD COLUMN {name} {kind}" for name, kind in _COLUMNS.items())
_ADDED_IN_SQLITE = tuple(statement.replace("timestamptz", "text") for statement in _ADDED)
_DROPPED = tuple(f"ALTER TABLE environment DROP COLUMN {name}" for name in reversed(_COLUMNS))


def upgrade() -> None:
    """Make room for what tells that the warehouse or the state is an older copy."""
    execute(postgresql=";\n".join(_ADDED), sqlite=_ADDED_IN_SQLITE)


def downgrade() -> None:
    """Forget it."""
    execute(postgresql=";\n".join(_DROPPED), sqlite=_DROPPED)
