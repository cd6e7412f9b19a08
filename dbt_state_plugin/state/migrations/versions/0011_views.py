"""Views for reports."""

from __future__ import annotations

from dbt_state_plugin.state.migrations.dialects import execute

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

VIEWS = """
-- Every execution: a run, what a script or another tool did, an adoption.
CREATE VIEW executions AS
SELECT
    e.execution_id,
    v.environment_id,
    v.project_name,
    v.target_name,
    v.database_name,
    v.schema_name,
    v.pipeline,
    e.command,
    e.status,
    e.started_at,
    e.finished_at,
    CAST(EXTRACT(EPOCH FROM e.finished_at - e.started_at) AS numeric(18, 3)) AS duration_seconds,
    e.caller,
    e.host,
    e.git_commit,
    CASE WHEN e.uncommitted IS NULL THEN NULL ELSE e.uncommitted <> '' END AS has_uncommitted_changes,
    e.meltano_run_id,
    e.tool_version,
    e.dbt_version,
    e.message,
    CAST(coalesce(n.nodes_planned, 0) AS bigint) AS nodes_planned,
    CAST(coalesce(n.nodes_succeeded, 0) AS bigint) AS nodes_succeeded,
    CAST(coalesce(n.nodes_failed, 0) AS bigint) AS nodes_failed,
    CAST(coalesce(n.nodes_ms, 0) AS bigint) AS nodes_ms,
    CAST(n.rows_affected AS bigint) AS rows_affected
FROM execution e
JOIN environment v ON v.environment_id = e.environment_id
LEFT JOIN (
    SELECT
        execution_id,
        count(*) AS nodes_planned,
        sum(CASE WHEN status IN ('success', 'pass', 'warn', 'no-op') THEN 1 ELSE 0 END) AS nodes_succeeded,
        sum(
            CASE WHEN status IN ('success', 'pass', 'warn', 'no-op', 'skipped', 'planned') THEN 0 ELSE 1 END
        ) AS nodes_failed,
        sum(duration_ms) AS nodes_ms,
        sum(CASE WHEN resource_type IN ('model', 'seed', 'snapshot') THEN rows_affected END) AS rows_affected
    FROM node_result
    WHERE resource_type <> 'stream'
    GROUP BY execution_id
) n ON n.execution_id = e.execution_id;

-- What each execution planned for each node, and how it ended.
CREATE VIEW node_history AS
SELECT
    r.execution_id,
    e.environment_id,
    v.project_name,
    v.target_name,
    e.command,
    e.started_at,
    r.unique_id,
    r.resource_type,
    r.status,
    r.status IN ('success', 'pass', 'warn', 'no-op') AS is_success,
    r.reasons -> 0 ->> 'kind' AS reason,
    r.reasons -> 0 ->> 'detail' AS reason_detail,
    r.reasons,
    r.rows_affected,
    r.duration_ms,
    r.message
FROM node_result r
JOIN execution e ON e.execution_id = r.execution_id
JOIN environment v ON v.environment_id = e.environment_id;

-- What is recorded of each node now, and how its last execution ended.
CREATE VIEW current_nodes AS
SELECT
    c.environment_id,
    v.project_name,
    v.target_name,
    c.unique_id,
    c.resource_type,
    c.materialized,
    c.database_name,
    nullif(c.schema_name, '') AS schema_name,
    CASE WHEN c.schema_name = '' THEN NULL ELSE c.identifier END AS identifier,
    c.kind,
    c.built_at,
    c.execution_id,
    c.duration_ms,
    EXISTS (
        SELECT 1 FROM intent i
        WHERE i.warehouse = c.warehouse AND i.database_name = c.database_name
            AND i.schema_name = c.schema_name AND i.identifier = c.identifier
    ) AS is_interrupted,
    l.status AS last_status,
    l.started_at AS last_planned_at,
    l.message AS last_message
FROM relation c
JOIN environment v ON v.environment_id = c.environment_id
LEFT JOIN (
    SELECT
        e.environment_id,
        r.unique_id,
        r.status,
        e.started_at,
        r.message,
        row_number() OVER (
            PARTITION BY e.environment_id, r.unique_id ORDER BY e.started_at DESC, e.execution_id DESC
        ) AS number
    FROM node_result r
    JOIN execution e ON e.execution_id = r.execution_id
) l ON l.environment_id = c.environment_id AND l.unique_id = c.unique_id AND l.number = 1;

-- What each successful run did not have to build: nodes that are recorded now and had been built before it, with the
-- time that their last build before it took. `earlier_ms` is that time for nodes that the run built again. A
-- no-op, as of what was cut off, is no build.
CREATE VIEW savings AS
WITH builds AS (
    SELECT
        e.environment_id,
        e.execution_id,
        r.resource_type,
        r.duration_ms,
        lag(r.duration_ms) OVER (
            PARTITION BY e.environment_id, r.unique_id ORDER BY e.started_at, e.execution_id
        ) AS earlier_ms
    FROM node_result r
    JOIN execution e ON e.execution_id = r.execution_id
    JOIN (SELECT DISTINCT environment_id, unique_id FROM relation) c
        ON c.environment_id = e.environment_id AND c.unique_id = r.unique_id
    WHERE r.status IN ('success', 'pass', 'warn') AND r.duration_ms IS NOT NULL
), totals AS (
    SELECT
        environment_id,
        execution_id,
        resource_type,
        count(*) AS built,
        sum(duration_ms) AS built_ms,
        count(earlier_ms) AS again,
        sum(coalesce(earlier_ms, 0)) AS again_ms
    FROM builds
    GROUP BY environment_id, execution_id, resource_type
), types AS (
    SELECT DISTINCT environment_id, resource_type FROM totals
), steps AS (
    SELECT
        e.execution_id,
        t.resource_type,
        coalesce(b.built, 0) AS built,
        coalesce(b.built_ms, 0) AS built_ms,
        coalesce(b.again, 0) AS again,
        coalesce(b.again_ms, 0) AS again_ms,
        sum(coalesce(b.built, 0) - coalesce(b.again, 0)) OVER known AS known,
        sum(coalesce(b.built_ms, 0) - coalesce(b.again_ms, 0)) OVER known AS known_ms
    FROM execution e
    JOIN types t ON t.environment_id = e.environment_id
    LEFT JOIN totals b ON b.execution_id = e.execution_id AND b.resource_type = t.resource_type
    WINDOW known AS (
        PARTITION BY e.environment_id, t.resource_type ORDER BY e.started_at, e.execution_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
)
SELECT
    e.execution_id,
    v.environment_id,
    v.project_name,
    v.target_name,
    e.command,
    e.started_at,
    CAST(sum(s.built) AS bigint) AS nodes_built,
    CAST(sum(s.built_ms) AS bigint) AS built_ms,
    CAST(sum(coalesce(s.known, 0) - s.again) AS bigint) AS nodes_skipped,
    CAST(sum(coalesce(s.known_ms, 0) - s.again_ms) AS bigint) AS saved_ms
FROM execution e
JOIN environment v ON v.environment_id = e.environment_id
JOIN steps s ON s.execution_id = e.execution_id
WHERE e.status = 'succeeded'
    AND e.command IN ('run', 'build', 'seed', 'snapshot')
    AND (e.command = 'build' OR s.resource_type = CASE e.command WHEN 'run' THEN 'model' ELSE e.command END)
GROUP BY e.execution_id, v.environment_id, v.project_name, v.target_name, e.command, e.started_at;
"""


# What differs in SQLite, which has no types of moments and of JSON. DuckDB's reader of such files takes the views for
# its own SQL: it gives SQLite another name of count(*), and puts quotes around a text that it takes out of JSON.
_IN_SQLITE = {
    "CAST(EXTRACT(EPOCH FROM e.finished_at - e.started_at) AS numeric(18, 3))": (
        "round((julianday(e.finished_at) - julianday(e.started_at)) * 86400, 3)"
    ),
    "count(*) AS nodes_planned": "count(execution_id) AS nodes_planned",
    "r.reasons -> 0 ->> 'kind'": "trim(json_extract(r.reasons, '$[0].kind'), '\"')",
    "r.reasons -> 0 ->> 'detail'": "json_extract(r.reasons, '$[0].detail')",
}


def _in_sqlite() -> str:
    text = VIEWS
    for postgresql, sqlite in _IN_SQLITE.items():
        text = text.replace(postgresql, sqlite)
    return text


def upgrade() -> None:
    """Create the views."""
    execute(postgresql=VIEWS, sqlite=_in_sqlite())


def downgrade() -> None:
    """Remove them."""
    views = ("savings", "current_nodes", "node_history", "executions")
    execute(postgresql=f"DROP VIEW {', '.join(views)}", sqlite=tuple(f"DROP VIEW {view}" for view in views))
