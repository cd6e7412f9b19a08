"""Steps of one name in one execution."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let an execution have several steps of one name."""
    op.execute("ALTER TABLE execution_step DROP CONSTRAINT execution_step_execution_id_name_key")
    op.execute("CREATE INDEX execution_step_execution ON execution_step (execution_id, name)")


def downgrade() -> None:
    """Keep the last of several steps of one name."""
    op.execute(
        "DELETE FROM execution_step s USING execution_step later WHERE later.execution_id = s.execution_id "
        "AND later.name = s.name AND (later.started_at, later.step_id) > (s.started_at, s.step_id)"
    )
    op.execute("DROP INDEX execution_step_execution")
    op.execute("ALTER TABLE execution_step ADD UNIQUE (execution_id, name)")
