"""Executions, steps, checksums, relations, intents and results."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Alembic has created `alembic_version` when this runs; the names without a schema are found through search_path.
_TABLES = """
ALTER TABLE alembic_version ADD PRIMARY KEY (version_num);

CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    hash_key bytea NOT NULL CHECK (octet_length(hash_key) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE environment (
    environment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    warehouse text NOT NULL DEFAULT '',
    pipeline text NOT NULL DEFAULT '',
    project_name text NOT NULL DEFAULT '',
    target_name text NOT NULL DEFAULT '',
    database_name text NOT NULL DEFAULT '',
    schema_name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (warehouse, pipeline, project_name, target_name, database_name, schema_name),
    CHECK ((pipeline = '') <> (project_name = ''))
);

CREATE TABLE execution (
    execution_id uuid PRIMARY KEY,
    environment_id bigint NOT NULL REFERENCES environment ON DELETE CASCADE,
    command text NOT NULL CHECK (command <> ''),
    is_exclusive boolean NOT NULL,
    status text NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled', 'abandoned')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz CHECK (finished_at >= started_at),
    caller text NOT NULL,
    host text NOT NULL DEFAULT '',
    process_id integer,
    backend_pid integer,
    tool_version text NOT NULL,
    dbt_version text NOT NULL DEFAULT '',
    adapter_version text NOT NULL DEFAULT '',
    git_commit text NOT NULL DEFAULT '',
    meltano_run_id text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX execution_one_running ON execution (environment_id) WHERE status = 'running' AND is_exclusive;
CREATE INDEX execution_by_time ON execution (environment_id, started_at);

CREATE TABLE checksum_set (
    checksum_set_id text PRIMARY KEY CHECK (checksum_set_id ~ '^[0-9a-f]{64}$'),
    kind text NOT NULL CHECK (kind IN ('file', 'manifest', 'fingerprint'))
);

CREATE TABLE checksum (
    checksum_set_id text NOT NULL REFERENCES checksum_set ON DELETE CASCADE,
    name text NOT NULL,
    checksum text NOT NULL,
    PRIMARY KEY (checksum_set_id, name)
);

CREATE TABLE execution_step (
    step_id uuid PRIMARY KEY,
    execution_id uuid NOT NULL REFERENCES execution ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> ''),
    status text NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled', 'abandoned')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz CHECK (finished_at >= started_at),
    rows_processed bigint CHECK (rows_processed >= 0),
    checksum_set_id text REFERENCES checksum_set,
    UNIQUE (execution_id, name),
    CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX execution_step_checksum_set ON execution_step (checksum_set_id);

CREATE TABLE definition (
    definition_id text PRIMARY KEY CHECK (definition_id ~ '^[0-9a-f]{64}$'),
    code text NOT NULL
);

CREATE TABLE relation (
    warehouse text NOT NULL DEFAULT '',
    database_name text NOT NULL,
    schema_name text NOT NULL,
    identifier text NOT NULL,
    environment_id bigint NOT NULL REFERENCES environment ON DELETE CASCADE,
    unique_id text NOT NULL,
    resource_type text NOT NULL,
    materialized text NOT NULL,
    fingerprint jsonb NOT NULL CHECK (jsonb_typeof(fingerprint) = 'object'),
    trace jsonb NOT NULL CHECK (jsonb_typeof(trace) = 'object'),
    build_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    built_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    execution_id uuid REFERENCES execution ON DELETE SET NULL,
    duration_ms bigint CHECK (duration_ms >= 0),
    relation_oid oid,
    relfilenode oid,
    relkind text,
    raw_definition_id text REFERENCES definition,
    PRIMARY KEY (warehouse, database_name, schema_name, identifier),
    CHECK ((relation_oid IS NULL) = (relfilenode IS NULL) AND (relation_oid IS NULL) = (relkind IS NULL))
);
CREATE INDEX relation_environment ON relation (environment_id);
CREATE INDEX relation_raw_definition ON relation (raw_definition_id);
CREATE INDEX relation_execution ON relation (execution_id);

CREATE TABLE intent (
    warehouse text NOT NULL DEFAULT '',
    database_name text NOT NULL,
    schema_name text NOT NULL,
    identifier text NOT NULL,
    execution_id uuid NOT NULL REFERENCES execution ON DELETE RESTRICT,
    unique_id text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (warehouse, database_name, schema_name, identifier, execution_id)
);
CREATE INDEX intent_execution ON intent (execution_id);

CREATE TABLE project_snapshot (
    environment_id bigint PRIMARY KEY REFERENCES environment ON DELETE CASCADE,
    inputs_digest text NOT NULL CHECK (inputs_digest ~ '^[0-9a-f]{64}$'),
    places jsonb NOT NULL CHECK (jsonb_typeof(places) = 'object'),
    project bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE node_result (
    execution_id uuid NOT NULL REFERENCES execution ON DELETE CASCADE,
    unique_id text NOT NULL,
    resource_type text NOT NULL,
    reasons jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'array'),
    definition_id text REFERENCES definition,
    status text NOT NULL DEFAULT 'planned',
    rows_affected bigint,
    duration_ms bigint CHECK (duration_ms >= 0),
    message text NOT NULL DEFAULT '',
    PRIMARY KEY (execution_id, unique_id)
);
CREATE INDEX node_result_definition ON node_result (definition_id);

INSERT INTO installation (hash_key)
    VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'))
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Drop everything, with all that was recorded; Alembic's own table goes last, after this."""
    op.execute(
        "DROP TABLE project_snapshot, node_result, intent, relation, definition, execution_step, checksum, "
        "checksum_set, execution, environment, installation"
    )
