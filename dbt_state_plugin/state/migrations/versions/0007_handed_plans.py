"""Handed-out plans, and dbt invocations that executions recorded."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UPGRADE = """
CREATE TABLE handed_plan (
    plan_id uuid PRIMARY KEY,
    environment_id bigint NOT NULL REFERENCES environment ON DELETE CASCADE,
    handed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    content bytea NOT NULL
);
CREATE INDEX handed_plan_environment ON handed_plan (environment_id, handed_at);
ALTER TABLE execution ADD COLUMN invocation_id text NOT NULL DEFAULT '';
CREATE INDEX execution_invocation ON execution (environment_id, invocation_id) WHERE invocation_id <> ''
"""
_DOWNGRADE = """
ALTER TABLE execution DROP COLUMN invocation_id;
DROP TABLE handed_plan
"""


def upgrade() -> None:
    """Make room for plans that are handed out, and for the ids of what dbt ran by itself."""
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Forget both; executions of `record` stay."""
    op.execute(_DOWNGRADE)
