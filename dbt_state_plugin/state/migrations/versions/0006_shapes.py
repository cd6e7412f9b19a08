"""Shapes of relations."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for what builds leave beside rows and columns; the next run takes it over as it stands."""
    op.execute("ALTER TABLE relation ADD COLUMN shape jsonb CHECK (jsonb_typeof(shape) = 'array')")


def downgrade() -> None:
    """Forget the shapes."""
    op.execute("ALTER TABLE relation DROP COLUMN shape")
