"""Identities as opaque texts of the warehouse; empty plans in a column."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The key "verdicts" in `places` was where an empty plan was kept.
_UPGRADE = """
ALTER TABLE relation ADD COLUMN identity text, ADD COLUMN kind text;
UPDATE relation SET identity = relation_oid || '/' || relfilenode, kind = CASE relkind WHEN 'r' THEN 'table'
    WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
    WHEN 'f' THEN 'foreign table' ELSE relkind END
    WHERE relation_oid IS NOT NULL;
ALTER TABLE relation DROP COLUMN relation_oid, DROP COLUMN relfilenode, DROP COLUMN relkind,
    ADD CHECK ((identity IS NULL) = (kind IS NULL));
ALTER TABLE project_snapshot ADD COLUMN up_to_date jsonb NOT NULL DEFAULT '{}'
    CHECK (jsonb_typeof(up_to_date) = 'object');
UPDATE project_snapshot SET up_to_date = places -> 'verdicts' WHERE jsonb_typeof(places -> 'verdicts') = 'object';
UPDATE project_snapshot SET places = places - 'verdicts' WHERE jsonb_exists(places, 'verdicts')
"""
_DOWNGRADE = """
UPDATE project_snapshot SET places = places || jsonb_build_object('verdicts', up_to_date) WHERE up_to_date <> '{}';
ALTER TABLE project_snapshot DROP COLUMN up_to_date;
ALTER TABLE relation ADD COLUMN relation_oid oid, ADD COLUMN relfilenode oid, ADD COLUMN relkind text;
UPDATE relation SET relation_oid = split_part(identity, '/', 1)::oid, relfilenode = split_part(identity, '/', 2)::oid,
    relkind = CASE kind WHEN 'table' THEN 'r' WHEN 'partitioned table' THEN 'p' WHEN 'view' THEN 'v'
    WHEN 'materialized view' THEN 'm' WHEN 'foreign table' THEN 'f' ELSE kind END
    WHERE identity ~ '^[0-9]+/[0-9]+$';
ALTER TABLE relation DROP COLUMN identity, DROP COLUMN kind,
    ADD CHECK ((relation_oid IS NULL) = (relfilenode IS NULL) AND (relation_oid IS NULL) = (relkind IS NULL))
"""


def upgrade() -> None:
    """Write each identity as one text and each kind as a word; empty plans move to a column of their own."""
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Take the texts apart again; an identity of another warehouse than PostgreSQL is lost, so it is built again."""
    op.execute(_DOWNGRADE)
