"""Retention: old executions, and what nothing refers to.

Kept whatever their age: executions that run, the last successful one of each environment and of each kind of step (the
baseline of the next), those with the newest checksum of what an external step has left out since (with that it is
compared when it comes back), those with an external step since the last success of that step, the last successful one
with a manifest (what `state export-manifest` gives), and those with an open intent (they say which relations cannot be
trusted). Plans that were handed out go by their age alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.state import compose

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_BATCH = 100  # rows that go in one transaction, so that a run which records something hardly waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """Count what was removed, or would be."""

    executions: int
    checksum_sets: int
    definitions: int
    manifests: int = 0


_OUTDATED = ByDialect(
    postgres="""
    SELECT execution_id::text FROM {state}.execution x
    WHERE finished_at < clock_timestamp() - make_interval(days => %(keep_days)s)
      AND (%(environment_id)s::bigint IS NULL OR environment_id = %(environment_id)s)
      AND NOT EXISTS (SELECT 1 FROM {state}.intent i WHERE i.execution_id = x.execution_id)
      AND execution_id NOT IN (
          SELECT DISTINCT ON (environment_id) execution_id FROM {state}.execution
          WHERE status = 'succeeded' AND command <> 'load-plan'
          ORDER BY environment_id, finished_at DESC, started_at DESC, execution_id DESC)
      AND execution_id NOT IN (
          SELECT DISTINCT ON (environment_id) execution_id FROM {state}.execution
          WHERE status = 'succeeded' AND manifest_id IS NOT NULL
          ORDER BY environment_id, finished_at DESC, started_at DESC, execution_id DESC)
      AND execution_id NOT IN (
          SELECT DISTINCT ON (environment_id, name) execution_id
          FROM {state}.execution JOIN {state}.execution_step s USING (execution_id)
          WHERE execution.status = 'succeeded'
          ORDER BY environment_id, name, execution.finished_at DESC, execution_id DESC)
      AND NOT EXISTS (
          -- What was loaded since the last success, also in vain, tells whether a bookmark has to be reset again.
          SELECT 1 FROM {state}.execution_step s
          WHERE s.execution_id = x.execution_id AND s.started_at = s.finished_at AND x.started_at > (
              SELECT max(e.started_at) FROM {state}.execution e JOIN {state}.execution_step l USING (execution_id)
              WHERE e.environment_id = x.environment_id AND e.status = 'succeeded' AND l.name = s.name))
      AND execution_id NOT IN (
          -- External steps are recorded as one moment (state/recorded_steps.py); a step of a run takes longer.
          SELECT DISTINCT ON (sets.environment_id, sets.name, c.name) sets.execution_id
          FROM (SELECT DISTINCT ON (environment_id, s.name, s.checksum_set_id) environment_id, execution_id, s.name,
                    s.checksum_set_id, e.finished_at
                FROM {state}.execution e JOIN {state}.execution_step s USING (execution_id)
                WHERE e.status = 'succeeded' AND s.started_at = s.finished_at
                ORDER BY environment_id, s.name, s.checksum_set_id, e.finished_at DESC) AS sets
          JOIN {state}.checksum c USING (checksum_set_id)
          ORDER BY sets.environment_id, sets.name, c.name, sets.finished_at DESC)
    ORDER BY finished_at
""",
    sqlite="""
    WITH external AS (
        SELECT e.environment_id, e.execution_id, s.name, s.checksum_set_id, e.finished_at, row_number() OVER (
            PARTITION BY e.environment_id, s.name, s.checksum_set_id ORDER BY e.finished_at DESC) AS place
        FROM {state}.execution e JOIN {state}.execution_step s USING (execution_id)
        WHERE e.status = 'succeeded' AND s.started_at = s.finished_at
    ), kept AS (
        SELECT execution_id, row_number() OVER (
            PARTITION BY environment_id ORDER BY finished_at DESC, started_at DESC, execution_id DESC) AS place
        FROM {state}.execution WHERE status = 'succeeded' AND command <> 'load-plan'
        UNION ALL SELECT execution_id, row_number() OVER (
            PARTITION BY environment_id ORDER BY finished_at DESC, started_at DESC, execution_id DESC)
        FROM {state}.execution WHERE status = 'succeeded' AND manifest_id IS NOT NULL
        UNION ALL SELECT e.execution_id, row_number() OVER (
            PARTITION BY e.environment_id, s.name ORDER BY e.finished_at DESC, e.execution_id DESC)
        FROM {state}.execution e JOIN {state}.execution_step s USING (execution_id) WHERE e.status = 'succeeded'
        UNION ALL SELECT x.execution_id, row_number() OVER (
            PARTITION BY x.environment_id, x.name, c.name ORDER BY x.finished_at DESC)
        FROM external x JOIN {state}.checksum c USING (checksum_set_id) WHERE x.place = 1
    )
    SELECT execution_id::text FROM {state}.execution x
    WHERE finished_at < clock_timestamp() - make_interval(days => %(keep_days)s)
      AND (%(environment_id)s::bigint IS NULL OR environment_id = %(environment_id)s)
      AND NOT EXISTS (SELECT 1 FROM {state}.intent i WHERE i.execution_id = x.execution_id)
      AND execution_id NOT IN (SELECT k.execution_id FROM kept k WHERE k.place = 1)
      AND NOT EXISTS (
          SELECT 1 FROM {state}.execution_step s
          WHERE s.execution_id = x.execution_id AND s.started_at = s.finished_at AND x.started_at > (
              SELECT max(e.started_at) FROM {state}.execution e JOIN {state}.execution_step l USING (execution_id)
              WHERE e.environment_id = x.environment_id AND e.status = 'succeeded' AND l.name = s.name))
    ORDER BY finished_at
    """,
)
_UNUSED_CHECKSUM_SETS = """
    SELECT checksum_set_id FROM {state}.checksum_set c
    WHERE NOT EXISTS (SELECT 1 FROM {state}.execution_step s
                      WHERE s.checksum_set_id = c.checksum_set_id AND s.execution_id <> ALL (%s::uuid[]))
"""
_UNUSED_DEFINITIONS = """
    SELECT definition_id FROM {state}.definition d
    WHERE NOT EXISTS (SELECT 1 FROM {state}.relation r WHERE r.raw_definition_id = d.definition_id)
      AND NOT EXISTS (SELECT 1 FROM {state}.node_result n
                      WHERE n.definition_id = d.definition_id AND n.execution_id <> ALL (%s::uuid[]))
"""
_UNUSED_MANIFESTS = """
    SELECT manifest_id FROM {state}.manifest m
    WHERE NOT EXISTS (SELECT 1 FROM {state}.project_snapshot s WHERE s.manifest_id = m.manifest_id)
      AND NOT EXISTS (SELECT 1 FROM {state}.execution x
                      WHERE x.manifest_id = m.manifest_id AND x.execution_id <> ALL (%s::uuid[]))
"""
_DELETE_PLANS = """
    DELETE FROM {state}.handed_plan WHERE handed_at < clock_timestamp() - make_interval(days => %(keep_days)s)
      AND (%(environment_id)s::bigint IS NULL OR environment_id = %(environment_id)s)
"""
_DELETE_EXECUTIONS = "DELETE FROM {state}.execution WHERE execution_id = ANY (%s::uuid[])"
# Whoever refers to one of the rows below has inserted it in the same transaction, if only in vain. The lock waits for
# that transaction and keeps the next one out, so that the look at who refers to a row cannot be out of date.
_DELETE_CHECKSUM_SETS = """
    LOCK TABLE {state}.checksum_set IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM {state}.checksum_set c WHERE checksum_set_id = ANY (%s)
      AND NOT EXISTS (SELECT 1 FROM {state}.execution_step s WHERE s.checksum_set_id = c.checksum_set_id)
"""
_DELETE_DEFINITIONS = """
    LOCK TABLE {state}.definition IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM {state}.definition d WHERE definition_id = ANY (%s)
      AND NOT EXISTS (SELECT 1 FROM {state}.relation r WHERE r.raw_definition_id = d.definition_id)
      AND NOT EXISTS (SELECT 1 FROM {state}.node_result n WHERE n.definition_id = d.definition_id)
"""

_DELETE_MANIFESTS = """
    LOCK TABLE {state}.manifest IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM {state}.manifest m WHERE manifest_id = ANY (%s)
      AND NOT EXISTS (SELECT 1 FROM {state}.project_snapshot s WHERE s.manifest_id = m.manifest_id)
      AND NOT EXISTS (SELECT 1 FROM {state}.execution x WHERE x.manifest_id = m.manifest_id)
"""


def prune(
    connection: Connection, schema: str, *, keep_days: int, environment_id: int | None = None, dry_run: bool = False
) -> Pruned:
    """Remove executions that ended more than `keep_days` days ago, then what nothing refers to; count them.

    Raises StateError.
    """
    with database_errors("Cannot read the state"), connection.cursor() as cursor:
        cursor.execute(
            compose(connection, _OUTDATED, schema), {"keep_days": keep_days, "environment_id": environment_id}
        )
        executions = [row[0] for row in cursor.fetchall()]
        cursor.execute(compose(connection, _UNUSED_CHECKSUM_SETS, schema), (executions,))
        checksum_sets = [row[0] for row in cursor.fetchall()]
        cursor.execute(compose(connection, _UNUSED_DEFINITIONS, schema), (executions,))
        definitions = [row[0] for row in cursor.fetchall()]
        cursor.execute(compose(connection, _UNUSED_MANIFESTS, schema), (executions,))
        manifests = [row[0] for row in cursor.fetchall()]
    if dry_run:
        return Pruned(
            executions=len(executions),
            checksum_sets=len(checksum_sets),
            definitions=len(definitions),
            manifests=len(manifests),
        )
    with database_errors("Cannot prune the state"), connection.cursor() as cursor:
        cursor.execute(
            compose(connection, _DELETE_PLANS, schema), {"keep_days": keep_days, "environment_id": environment_id}
        )
    return Pruned(
        executions=_delete(connection, schema, _DELETE_EXECUTIONS, executions),
        checksum_sets=_delete(connection, schema, _DELETE_CHECKSUM_SETS, checksum_sets),
        definitions=_delete(connection, schema, _DELETE_DEFINITIONS, definitions),
        manifests=_delete(connection, schema, _DELETE_MANIFESTS, manifests),
    )


def _delete(connection: Connection, schema: str, statement: str, ids: Sequence[str]) -> int:
    deleted = 0
    for start in range(0, len(ids), _BATCH):
        batch = _Batch(connection=connection, schema=schema, statement=statement, ids=list(ids[start : start + _BATCH]))
        deleted += _delete_batch(batch)
    return deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    connection: Connection
    schema: str
    statement: str
    ids: list[str]


@again_after_conflict
def _delete_batch(batch: _Batch) -> int:
    with database_errors("Cannot prune the state"), transaction(batch.connection) as cursor:
        cursor.execute(compose(batch.connection, batch.statement, batch.schema), (batch.ids,))
        return int(cursor.rowcount)
