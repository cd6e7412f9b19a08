"""Columns that a build left, and manifests of executions."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UPGRADE = """
CREATE TABLE manifest (
    manifest_id text PRIMARY KEY CHECK (manifest_id ~ '^[0-9a-f]{64}$'),
    content bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE execution ADD COLUMN manifest_id text REFERENCES manifest;
CREATE INDEX execution_manifest ON execution (manifest_id);
ALTER TABLE project_snapshot ADD COLUMN manifest_id text REFERENCES manifest ON DELETE SET NULL;
CREATE INDEX project_snapshot_manifest ON project_snapshot (manifest_id);
ALTER TABLE relation ADD COLUMN columns jsonb CHECK (jsonb_typeof(columns) = 'array')
"""
_DOWNGRADE = """
ALTER TABLE relation DROP COLUMN columns;
ALTER TABLE project_snapshot DROP COLUMN manifest_id;
ALTER TABLE execution DROP COLUMN manifest_id;
DROP TABLE manifest
"""


def upgrade() -> None:
    """Add the table and the columns; what was built before has no known columns."""
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop them, with the manifests that were kept."""
    op.execute(_DOWNGRADE)
