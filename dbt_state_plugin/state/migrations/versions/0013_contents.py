"""Contents of relations in a column of their own."""

from __future__ import annotations

from dbt_state_plugin.state.migrations.dialects import execute

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The key "contents" in `up_to_date`, which is kept by command, was where they were.
_UP = """
ALTER TABLE project_snapshot ADD COLUMN contents jsonb CHECK (jsonb_typeof(contents) = 'object');
UPDATE project_snapshot SET contents = up_to_date -> 'contents'
    WHERE jsonb_typeof(up_to_date -> 'contents') = 'object';
UPDATE project_snapshot SET up_to_date = up_to_date - 'contents' WHERE jsonb_exists(up_to_date, 'contents')
"""
_DOWN = """
UPDATE project_snapshot SET up_to_date = up_to_date || jsonb_build_object('contents', contents)
    WHERE contents IS NOT NULL;
ALTER TABLE project_snapshot DROP COLUMN contents
"""
_UP_IN_SQLITE = (
    "ALTER TABLE project_snapshot ADD COLUMN contents text CHECK (json_type(contents) = 'object')",
    """
    UPDATE project_snapshot SET contents = json_extract(up_to_date, '$.contents')
    WHERE json_type(up_to_date, '$.contents') = 'object'
    """,
    """
    UPDATE project_snapshot SET up_to_date = json_remove(up_to_date, '$.contents')
    WHERE json_type(up_to_date, '$.contents') IS NOT NULL
    """,
)
_DOWN_IN_SQLITE = (
    """
    UPDATE project_snapshot SET up_to_date = json_set(up_to_date, '$.contents', json(contents))
    WHERE contents IS NOT NULL
    """,
    "ALTER TABLE project_snapshot DROP COLUMN contents",
)


def upgrade() -> None:
    """Move them out of where empty plans are kept."""
    execute(postgresql=_UP, sqlite=_UP_IN_SQLITE)


def downgrade() -> None:
    """Put them back."""
    execute(postgresql=_DOWN, sqlite=_DOWN_IN_SQLITE)
