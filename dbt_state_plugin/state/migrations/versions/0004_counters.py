"""Write counters of relations at the end of their run."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the next run looks at what was built before."""
    op.execute("ALTER TABLE relation ADD COLUMN touched text")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE relation DROP COLUMN touched")
