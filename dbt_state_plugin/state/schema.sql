-- The state, whole, without its views (views.sql), as version 0013 of the migrations leaves it. Run with search_path set to the state's schema.
-- A test proves that this file and the chain of migrations give the same schema.

CREATE TABLE alembic_version (
    version_num varchar(32) PRIMARY KEY
);

-- One row: the key with which values of variables are hashed, so that equal values of two installations differ.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    hash_key bytea NOT NULL CHECK (octet_length(hash_key) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What shares one lock and one history: a dbt target, or a named pipeline of scripts without a dbt project.
CREATE TABLE environment (
    environment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    warehouse text NOT NULL DEFAULT '',
    pipeline text NOT NULL DEFAULT '',
    project_name text NOT NULL DEFAULT '',
    target_name text NOT NULL DEFAULT '',
    database_name text NOT NULL DEFAULT '',
    schema_name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- How far a warehouse had come that is not where the state is, as a text that only its adapter writes.
    warehouse_position text,
    -- When the warehouse or the state was found to be an older copy: what was built before is in doubt.
    restored_at timestamptz,
    -- Of a state in a file: how often the environment was locked; a file beside it says so, too.
    times_locked bigint NOT NULL DEFAULT 0,
    UNIQUE (warehouse, pipeline, project_name, target_name, database_name, schema_name),
    CHECK ((pipeline = '') <> (project_name = ''))
);

-- What dbt parsed, compressed and without what must not be kept, for `state export-manifest`; by its content.
CREATE TABLE manifest (
    manifest_id text PRIMARY KEY CHECK (manifest_id ~ '^[0-9a-f]{64}$'),
    content bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
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
    -- Of an execution that built all that was due: what an environment holds then.
    manifest_id text REFERENCES manifest,
    -- dbt's own id of what was recorded after dbt had run by itself.
    invocation_id text NOT NULL DEFAULT '',
    -- A digest of what was not committed when dbt started, empty where all was; null where nobody looked.
    uncommitted text CHECK (uncommitted ~ '^([0-9a-f]{64})?$'),
    CHECK ((status = 'running') = (finished_at IS NULL))
);
-- Executions of `run` hold the environment's lock; those of scripts (init-execution) do not and may overlap.
CREATE UNIQUE INDEX execution_one_running ON execution (environment_id) WHERE status = 'running' AND is_exclusive;
CREATE INDEX execution_by_time ON execution (environment_id, started_at);
CREATE INDEX execution_manifest ON execution (manifest_id);
CREATE INDEX execution_invocation ON execution (environment_id, invocation_id) WHERE invocation_id <> '';

-- Checksums are kept by content: an execution of an unchanged project adds no row here.
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
    CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX execution_step_execution ON execution_step (execution_id, name);
CREATE INDEX execution_step_checksum_set ON execution_step (checksum_set_id);

-- Recorded code by its sha256, so that `explain` can show a diff.
CREATE TABLE definition (
    definition_id text PRIMARY KEY CHECK (definition_id ~ '^[0-9a-f]{64}$'),
    code text NOT NULL
);

-- Current truth about relations, not nodes: another project or target that writes the same table is seen as a difference.
-- What has no relation of its own (tests) is kept under the empty schema name, which no relation can have.
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
    -- Tells one incarnation of the relation from the next, as a text that only the warehouse's adapter writes.
    identity text,
    kind text,
    raw_definition_id text REFERENCES definition,
    -- Names the rows and columns that the build left; a build for the sake of an index or a grant leaves them as they were.
    data_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Each part of the fingerprint by its items, and the SQL that dbt compiled: what a difference is judged by.
    items jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(items) = 'object'),
    compiled jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(compiled) = 'object'),
    -- The columns that the build left, as pairs of name and type; null where nobody looked.
    columns jsonb CHECK (jsonb_typeof(columns) = 'array'),
    -- The server's counters of what was written into the relation, when the run that built it had ended; null where
    -- nobody looked since.
    touched text,
    -- What the build left besides: indexes, constraints, privileges and the like, as triples of kind, name and key; null
    -- where nobody looked.
    shape jsonb CHECK (jsonb_typeof(shape) = 'array'),
    PRIMARY KEY (warehouse, database_name, schema_name, identifier),
    CHECK ((identity IS NULL) = (kind IS NULL))
);
CREATE INDEX relation_environment ON relation (environment_id);
CREATE INDEX relation_raw_definition ON relation (raw_definition_id);
CREATE INDEX relation_execution ON relation (execution_id);

-- Write-ahead: "this execution may have written this relation". Committed before dbt starts, removed by the record of the build.
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

-- What dbt parsed the last time and the digest of its inputs: while no input differs, dbt need not parse again.
CREATE TABLE project_snapshot (
    environment_id bigint PRIMARY KEY REFERENCES environment ON DELETE CASCADE,
    inputs_digest text NOT NULL CHECK (inputs_digest ~ '^[0-9a-f]{64}$'),
    places jsonb NOT NULL CHECK (jsonb_typeof(places) = 'object'),
    project bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The manifest of exactly these inputs, once it was kept.
    manifest_id text REFERENCES manifest ON DELETE SET NULL,
    -- By command: the last plan that said "nothing to build", with a seal, and what it depended on.
    up_to_date jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(up_to_date) = 'object'),
    -- What a warehouse that scans has read, with a seal. It is about the relations, so it outlasts edits of the project.
    contents jsonb CHECK (jsonb_typeof(contents) = 'object')
);
CREATE INDEX project_snapshot_manifest ON project_snapshot (manifest_id);

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

-- What a plan saw when it was handed out, so that what dbt builds from it by itself can be recorded; the newest few.
CREATE TABLE handed_plan (
    plan_id uuid PRIMARY KEY,
    environment_id bigint NOT NULL REFERENCES environment ON DELETE CASCADE,
    handed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    content bytea NOT NULL
);
CREATE INDEX handed_plan_environment ON handed_plan (environment_id, handed_at);

INSERT INTO installation (hash_key)
    VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
INSERT INTO alembic_version (version_num) VALUES ('0013');
