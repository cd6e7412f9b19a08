"""Items and compiled SQL of a build, and its data."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What was parsed the last time was hashed in another way, before and after.
_UPGRADE = """
ALTER TABLE relation ADD COLUMN data_id uuid;
UPDATE relation SET data_id = build_id;
ALTER TABLE relation
    ALTER COLUMN data_id SET NOT NULL,
    ALTER COLUMN data_id SET DEFAULT gen_random_uuid(),
    ADD COLUMN items jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(items) = 'object'),
    ADD COLUMN compiled jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(compiled) = 'object');
DELETE FROM project_snapshot
"""
_DOWNGRADE = """
ALTER TABLE relation DROP COLUMN data_id, DROP COLUMN items, DROP COLUMN compiled;
DELETE FROM project_snapshot
"""


def upgrade() -> None:
    """Add the columns; what was built before counts as its own data."""
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop the columns, with the SQL that was recorded."""
    op.execute(_DOWNGRADE)
