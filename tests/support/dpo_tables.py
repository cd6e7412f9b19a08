"""Tables of the data pipeline orchestrator (DPO), and rows for them."""

from __future__ import annotations

STEPS_AND_MODELS = """
    CREATE SCHEMA dpo;
    CREATE TABLE dpo.execution (execution_id uuid PRIMARY KEY, created_on timestamptz NOT NULL DEFAULT now(),
        updated_on timestamptz NOT NULL DEFAULT now(), status varchar(50) NOT NULL DEFAULT 'INITIALISED',
        started_on timestamptz NOT NULL DEFAULT now(), completed_on timestamptz, execution_time_ms bigint);
    CREATE TABLE dpo.execution_step (execution_step_id uuid PRIMARY KEY, created_on timestamptz NOT NULL DEFAULT now(),
        updated_on timestamptz NOT NULL DEFAULT now(), execution_id uuid NOT NULL REFERENCES dpo.execution,
        step_name varchar(100) NOT NULL, status varchar(50) NOT NULL DEFAULT 'INITIALISED',
        started_on timestamptz NOT NULL DEFAULT now(), completed_on timestamptz, execution_time_ms bigint,
        rows_processed bigint);
    CREATE TABLE dpo.execution_step_model (execution_step_model_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        created_on timestamptz NOT NULL DEFAULT now(), updated_on timestamptz NOT NULL DEFAULT now(),
        execution_step_id uuid NOT NULL REFERENCES dpo.execution_step, model_name varchar(250) NOT NULL,
        checksum varchar(100) NOT NULL);
"""
TYPES = """
    CREATE SCHEMA {schema};
    CREATE TABLE {schema}.{executions} (id uuid PRIMARY KEY, created_on timestamptz NOT NULL DEFAULT now(),
        last_updated_on timestamptz NOT NULL DEFAULT now(), execution_time_ms integer,
        status varchar(50) NOT NULL DEFAULT 'INITIALISED');
    CREATE TABLE {schema}.{checksums} (id serial PRIMARY KEY,
        execution_id uuid NOT NULL REFERENCES {schema}.{executions}, created_on timestamptz NOT NULL DEFAULT now(),
        last_updated_on timestamptz NOT NULL DEFAULT now(), type varchar(100) NOT NULL, name varchar(250) NOT NULL,
        checksum varchar(100) NOT NULL);
"""
EXECUTION = """
    INSERT INTO dpo.execution (execution_id, status, started_on, updated_on, completed_on)
    VALUES (%s, %s, %s, %s, %s)
"""
STEP = """
    INSERT INTO dpo.execution_step (execution_step_id, execution_id, step_name, status, started_on, updated_on,
        completed_on, rows_processed) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
MODEL = "INSERT INTO dpo.execution_step_model (execution_step_id, model_name, checksum) VALUES (%s, %s, %s)"
