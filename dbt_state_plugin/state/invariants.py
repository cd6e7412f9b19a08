"""Invariants of the state that its constraints hold or cannot express.

A constraint may be missing after a restore or a repair by hand, so what constraints enforce is checked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.findings import Finding, Severity
from dbt_state_plugin.core.values.results import GOOD_STATUSES
from dbt_state_plugin.postgres.connection import database_errors, read_only
from dbt_state_plugin.state.dialect import ByDialect, Statement, is_sqlite
from dbt_state_plugin.state.documents import RECORDS, unreadable_documents
from dbt_state_plugin.state.lock import is_locked
from dbt_state_plugin.state.relations import environment_of
from dbt_state_plugin.state.state import compose

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_SHOWN = 3  # of each kind of violation
_RESTORE = "Restore the state from a backup, or run `state downgrade base --yes`: then everything is built once."


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A query whose rows are violations, each with one text that says which one."""

    check: str
    query: Statement
    what: str
    do: str
    severity: Severity = Severity.ERROR


INVARIANTS = (
    Invariant(
        check="version",
        query="SELECT n || ' rows' FROM (SELECT count(*) AS n FROM {state}.alembic_version) AS c WHERE n <> 1",
        what="The table alembic_version does not hold one version",
        do=_RESTORE,
    ),
    Invariant(
        check="installation",
        query="SELECT n || ' rows' FROM (SELECT count(*) AS n FROM {state}.installation) AS c WHERE n <> 1",
        what="There is not exactly one key that values are hashed with",
        do=_RESTORE,
    ),
    Invariant(
        check="constraints",
        query=ByDialect(
            postgres="""
            SELECT t.relname || '.' || k.conname FROM pg_constraint k JOIN pg_stat_all_tables t ON t.relid = k.conrelid
            WHERE t.schemaname = %(schema)s AND NOT k.convalidated
            UNION ALL SELECT i.indexrelid::regclass::text FROM pg_index i
            JOIN pg_stat_all_tables t ON t.relid = i.indrelid
            WHERE t.schemaname = %(schema)s AND NOT (i.indisvalid AND i.indisready)
            ORDER BY 1
        """,
            # Where the file is damaged, or a row breaks a CHECK or a NOT NULL.
            sqlite="SELECT integrity_check FROM pragma_integrity_check(3) WHERE integrity_check <> 'ok'",
        ),
        what="A constraint or index of the state is not valid",
        do="Let its owner run ALTER TABLE ... VALIDATE CONSTRAINT or REINDEX INDEX for it; restore a file of SQLite.",
    ),
    Invariant(
        check="builds",
        query="""
            SELECT min(database_name || '.' || schema_name || '.' || identifier) FROM {state}.relation
            GROUP BY warehouse, database_name, schema_name, identifier HAVING count(*) > 1
            UNION ALL SELECT 'build ' || build_id FROM {state}.relation GROUP BY build_id HAVING count(*) > 1 ORDER BY 1
        """,
        what="A relation has more than one current build",
        do="Delete all of its rows from the table `relation`: the next run builds it again.",
    ),
    Invariant(
        check="builds",
        severity=Severity.NOTE,
        query="""
            SELECT unique_id || ' (' || count(*) || ')' FROM {state}.relation
            GROUP BY environment_id, unique_id HAVING count(*) > 1 ORDER BY 1
        """,
        what="A node has several recorded relations, as after a change of its name or schema",
        do="See `state orphans` for those that it no longer has.",
    ),
    Invariant(
        check="intents",
        query="""
            SELECT i.unique_id FROM {state}.intent i JOIN {state}.relation r
                USING (warehouse, database_name, schema_name, identifier)
            WHERE r.execution_id = i.execution_id AND r.unique_id = i.unique_id ORDER BY 1
        """,
        what="A node is recorded as built and as being built by the same execution",
        do="No action needed: the next run builds it again.",
    ),
    Invariant(
        check="intents",
        severity=Severity.NOTE,
        query="""
            SELECT i.unique_id || ' (execution ' || substr(i.execution_id::text, 1, 8) || ')' FROM {state}.intent i
            JOIN {state}.execution x USING (execution_id) WHERE x.status <> 'running' ORDER BY 1
        """,
        what="A node was left behind by an execution that failed or was killed",
        do="No action needed: the next run builds it again.",
    ),
    Invariant(
        check="executions",
        query="""
            SELECT min(substr(execution_id::text, 1, 8)) FROM {state}.execution
            WHERE status = 'running' AND is_exclusive GROUP BY environment_id HAVING count(*) > 1 ORDER BY 1
        """,
        what="An environment has more than one running execution",
        do="Wait until no run is in progress, and run again: all of them are marked abandoned then.",
    ),
    Invariant(
        check="executions",
        query="""
            SELECT DISTINCT substr(x.execution_id::text, 1, 8) || ' (' || n.unique_id || ': ' || n.status || ')'
            FROM {state}.execution x JOIN {state}.node_result n USING (execution_id)
            WHERE x.status = 'succeeded' AND x.is_exclusive AND n.resource_type <> 'stream'
              AND n.status <> ALL (%(good)s) ORDER BY 1
        """,
        what="An execution counts as succeeded though a node of it was not built",
        do="Run `dbt-state-plugin forget` for the node: the next run builds it again.",
    ),
    Invariant(
        check="executions",
        query="""
            SELECT substr(x.execution_id::text, 1, 8) || ' (' || s.name || ')' FROM {state}.execution_step s
            JOIN {state}.execution x USING (execution_id)
            WHERE s.status = 'running' AND x.status <> 'running' ORDER BY 1
        """,
        what="A step is still running though its execution has ended",
        do="Nothing is lost: the step counts for nothing. `state prune` removes it with its execution.",
    ),
    Invariant(
        check="documents",
        query=ByDialect(
            postgres="""
            SELECT DISTINCT substr(n.execution_id::text, 1, 8) || ' (' || n.unique_id || ')' FROM {state}.node_result n
            WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(n.reasons) AS r (one)
                          WHERE coalesce(jsonb_typeof(r.one -> 'kind'), '') <> 'string')
            ORDER BY 1
        """,
            sqlite="""
            SELECT DISTINCT substr(n.execution_id, 1, 8) || ' (' || n.unique_id || ')' FROM {state}.node_result n
            WHERE EXISTS (SELECT 1 FROM json_each(n.reasons) AS r
                          WHERE r.type <> 'object' OR json_type(r.value, '$.kind') IS NOT 'text')
            ORDER BY 1
        """,
        ),
        what="The reasons of a node are not in the form that runs record",
        do="Nothing is decided by them. `state prune` removes them with their execution.",
    ),
    Invariant(
        check="executions",
        severity=Severity.NOTE,
        query="""
            SELECT substr(execution_id::text, 1, 8) FROM {state}.execution
            WHERE status = 'running' AND NOT is_exclusive AND started_at < clock_timestamp() - interval '7 days'
            ORDER BY 1
        """,
        what="An execution of a script was never completed, for more than seven days",
        do="Run `fail-execution` with its id (see `history`), if the script has ended.",
    ),
)
_RUNNING = """
    SELECT substr(x.execution_id::text, 1, 8), e.warehouse, e.pipeline, e.project_name, e.target_name, e.database_name,
           e.schema_name
    FROM {state}.execution x JOIN {state}.environment e USING (environment_id)
    WHERE x.status = 'running' AND x.is_exclusive
"""
_REFERENCES = """
    SELECT c.relname::text, f.relname::text,
        ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS x (n, i)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.i),
        ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS x (n, i)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.i)
    FROM pg_constraint k JOIN pg_stat_all_tables c ON c.relid = k.conrelid
    JOIN pg_stat_all_tables f ON f.relid = k.confrelid
    WHERE k.contype = 'f' AND c.schemaname = %s ORDER BY 1, 2
"""


def violations(connection: Connection, schema: str) -> tuple[Finding, ...]:
    """Return the violated invariants of a state of this tool's version, read in one transaction; raises StateError."""
    with database_errors("Cannot read the state"), read_only(connection) as cursor:
        found = [finding for each in INVARIANTS for finding in _violated(cursor, schema, each)]
        found += _dangling(cursor, schema)
        found += _dead(cursor, schema)
        found += _documents(cursor, schema)
    return tuple(found)


def _violated(cursor: Any, schema: str, invariant: Invariant) -> Iterator[Finding]:
    statement = compose(cursor.connection, invariant.query, schema)
    cursor.execute(statement, {"schema": schema, "good": list(GOOD_STATUSES)})
    rows = [str(row[0]) for row in cursor.fetchall()]
    if rows:
        yield Finding(
            check=invariant.check,
            severity=invariant.severity,
            what=f"{invariant.what}: {_listed(rows)}.",
            do=invariant.do,
        )


def _dangling(cursor: Any, schema: str) -> Iterator[Finding]:
    """Find rows that refer to rows which are not there."""
    if is_sqlite(cursor.connection):
        cursor.execute('SELECT "table", "parent", count(*) FROM pragma_foreign_key_check GROUP BY "table", "parent"')
        for table, other, number in cursor.fetchall():
            what = f"Rows of {table} refer to rows of {other} that do not exist: {number}."
            yield Finding(check="references", severity=Severity.ERROR, what=what, do=_RESTORE)
        return
    from psycopg2 import sql

    cursor.execute(_REFERENCES, (schema,))
    for table, other, columns, keys in cursor.fetchall():
        equal = [sql.SQL("r.{} = t.{}").format(*map(sql.Identifier, pair)) for pair in zip(columns, keys, strict=True)]
        given = [sql.SQL("r.{} IS NOT NULL").format(sql.Identifier(column)) for column in columns]
        query = sql.SQL("SELECT count(*) FROM {} r WHERE {} AND NOT EXISTS (SELECT FROM {} t WHERE {})").format(
            sql.Identifier(schema, table), sql.SQL(" AND ").join(given), sql.Identifier(schema, other),
            sql.SQL(" AND ").join(equal),
        )  # fmt: skip
        cursor.execute(query)
        (number,) = cursor.fetchone()
        if number:
            what = f"Rows of {table} refer by {', '.join(columns)} to rows of {other} that do not exist: {number}."
            yield Finding(check="references", severity=Severity.ERROR, what=what, do=_RESTORE)


def _dead(cursor: Any, schema: str) -> Iterator[Finding]:
    """Find executions that count as running though nobody holds their environment's lock."""
    cursor.execute(compose(cursor.connection, _RUNNING, schema))
    for execution, warehouse, *names in cursor.fetchall():
        environment = environment_of(tuple(names), warehouse)
        if not is_locked(cursor.connection, schema, environment):
            yield Finding(
                check="executions",
                severity=Severity.NOTE,
                what=f"Execution {execution} of {environment} was killed: it counts as running without its lock.",
                do="No action needed: the next run marks it abandoned and builds again what it was going to build.",
            )


def _documents(cursor: Any, schema: str) -> Iterator[Finding]:
    cursor.execute(compose(cursor.connection, RECORDS, schema))
    wrong = list(unreadable_documents(iter(cursor.fetchall())))
    if wrong:
        yield Finding(
            check="documents",
            severity=Severity.ERROR,
            what=f"What is recorded of a build is not as builds record it: {_listed(wrong)}.",
            do="Run `dbt-state-plugin forget` for the node: the next run builds it again.",
        )


def _listed(rows: list[str]) -> str:
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return ", ".join(rows[:_SHOWN]) + more
