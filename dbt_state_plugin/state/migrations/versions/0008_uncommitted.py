"""Uncommitted changes of executions."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for a digest of what was not committed; of earlier executions nobody looked."""
    op.execute("ALTER TABLE execution ADD COLUMN uncommitted text CHECK (uncommitted ~ '^([0-9a-f]{64})?$')")


def downgrade() -> None:
    """Forget the digests."""
    op.execute("ALTER TABLE execution DROP COLUMN uncommitted")
