"""What the warehouse lacks for runs: rights, counters, a direct connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.findings import Finding, Severity
from dbt_state_plugin.postgres.connection import database_errors, is_pooled

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_RIGHTS = """
    SELECT current_user::text, pg_catalog.quote_ident(current_user), pg_catalog.quote_ident(current_database()),
        pg_catalog.quote_ident(%(schema)s), n.oid IS NOT NULL,
        CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
             ELSE has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE') END,
        has_database_privilege(current_database(), 'TEMPORARY'), current_setting('track_counts'),
        current_setting('server_version')
    FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = %(schema)s
"""


def look_over(connection: Connection, schema: str) -> tuple[Finding, ...]:
    """Return findings about a warehouse into whose `schema` dbt is to write; raises StateError."""
    with database_errors("Cannot check the warehouse"), connection.cursor() as cursor:
        cursor.execute(_RIGHTS, {"schema": schema})
        name, role, database, quoted, exists, may_create, has_temporary, counts, version = cursor.fetchone() or ()
    return (
        Finding(check="warehouse", severity=Severity.OK, what=f"PostgreSQL {version}, as the role {name}"),
        _rights(schema, f"GRANT USAGE, CREATE ON SCHEMA {quoted} TO {role};")
        if exists and not may_create
        else _rights(schema, "" if may_create else f"GRANT CREATE ON DATABASE {database} TO {role};"),
        _counters(counts),
        *_pooler(connection),
        *_temporary(f"GRANT TEMPORARY ON DATABASE {database} TO {role};", has_temporary=has_temporary),
    )


def _rights(schema: str, missing: str) -> Finding:
    if not missing:
        return Finding(check="rights", severity=Severity.OK, what=f'dbt may create relations in the schema "{schema}"')
    return Finding(
        check="rights",
        severity=Severity.ERROR,
        what=f'The role of the profile may not create relations in the schema "{schema}".',
        do=f"Ask a database administrator to run: {missing}",
    )


def _counters(setting: str) -> Finding:
    if setting == "on":
        return Finding(check="counters", severity=Severity.OK, what="the server counts what is written (track_counts)")
    return Finding(
        check="counters",
        severity=Severity.ERROR,
        what="The server does not count what is written (track_counts is off), so each source counts as changed.",
        do="Ask a database administrator to run: ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();",
    )


def _pooler(connection: Connection) -> Iterator[Finding]:
    if is_pooled(connection):
        yield Finding(
            check="pooler",
            severity=Severity.NOTE,
            what="dbt reaches the warehouse through a connection pooler: what was written is counted by the next run.",
            do="No action needed, as long as DBT_STATE_PLUGIN_DATABASE_URL points at the server itself.",
        )


def _temporary(grant: str, *, has_temporary: bool) -> Iterator[Finding]:
    if not has_temporary:
        yield Finding(
            check="rights",
            severity=Severity.NOTE,
            what="The role may not create temporary views: tables that SQL names without ref or source are guessed "
            "from its words, which may find too many, and functions that it calls are not seen.",
            do=f"Ask a database administrator to run: {grant}",
        )
