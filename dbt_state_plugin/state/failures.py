"""Nodes that are failing now, from the results of executions."""

from __future__ import annotations

from uuid import UUID

from dbt_state_plugin.core.values.history import Failure
from dbt_state_plugin.core.values.results import GOOD_STATUSES
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.state import State

# A result says how a node is when dbt ran it: not when it was planned and not reached, or skipped for another one.
# Nodes that the project has no more are left out, by what its last step of dbt covered.
_TEXT = """
    WITH judged AS (
        SELECT r.unique_id, r.resource_type, r.status, r.message, e.execution_id, e.started_at,
               r.status = ANY (%(good)s) AS is_good
        FROM {state}.node_result r JOIN {state}.execution e USING (execution_id)
        WHERE e.environment_id = %(environment)s AND r.resource_type <> 'stream'
          AND r.status NOT IN ('planned', 'skipped', 'not reported')),
    good AS (SELECT unique_id, max(started_at) AS at FROM judged WHERE is_good GROUP BY unique_id),
    newest AS (
        SELECT s.checksum_set_id FROM {state}.execution_step s JOIN {state}.execution e USING (execution_id)
        WHERE e.environment_id = %(environment)s AND e.is_exclusive AND s.name = 'TRANSFORM'
          AND s.checksum_set_id IS NOT NULL
        ORDER BY s.started_at DESC LIMIT 1)
    <found>
    FROM judged j LEFT JOIN good g USING (unique_id)
    WHERE NOT j.is_good AND (g.at IS NULL OR j.started_at > g.at)
      AND (NOT EXISTS (SELECT FROM newest)
           OR j.unique_id IN (SELECT c.name FROM {state}.checksum c JOIN newest USING (checksum_set_id)))
    GROUP BY j.unique_id ORDER BY min(j.started_at), j.unique_id
"""
_FAILURES = ByDialect(
    postgres=_TEXT.replace(
        "<found>",
        """
    SELECT j.unique_id, (array_agg(j.resource_type ORDER BY j.started_at DESC))[1], min(j.started_at),
           max(j.started_at), count(*), (array_agg(j.execution_id::text ORDER BY j.started_at DESC))[1],
           (array_agg(j.status ORDER BY j.started_at DESC))[1], (array_agg(j.message ORDER BY j.started_at DESC))[1]
        """,
    ),
    # Where max() is asked for, SQLite takes the other columns of a group from the row that has it.
    sqlite=_TEXT.replace(
        "<found>",
        """
    SELECT j.unique_id, j.resource_type, (
               SELECT e.started_at FROM judged e LEFT JOIN good h USING (unique_id)
               WHERE e.unique_id = j.unique_id AND NOT e.is_good AND (h.at IS NULL OR e.started_at > h.at)
               ORDER BY e.started_at LIMIT 1) AS since_at,
           max(j.started_at) AS last_at, count(*), j.execution_id, j.status, j.message
        """,
    ).replace("ORDER BY min(j.started_at)", "ORDER BY 3"),
)


def read_failures(state: State) -> tuple[Failure, ...]:
    """Return the nodes of the environment whose last result is a failure, those that fail for longest first."""
    return tuple(
        Failure(
            unique_id=row[0],
            resource_type=row[1],
            since=row[2],
            last_at=row[3],
            times=row[4],
            execution_id=UUID(row[5]),
            status=row[6],
            message=row[7],
        )
        for row in state.rows(_FAILURES, {"environment": state.environment_id, "good": list(GOOD_STATUSES)})
    )
