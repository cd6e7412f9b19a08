"""Write counters of a relation."""

from __future__ import annotations

# Begins what the warehouse knows of rows beside its counters. Builds that were recorded before it was read lack it.
BESIDE_COUNTERS = "+beside:"


def count_own_writes(materialized: str) -> bool:
    """Return whether the counters of a relation of this materialization tell writes into it.

    A view of dbt's holds no rows. What a warehouse counts for one are files that it reads, as it does for a view that
    another materialization leaves over files of its own: its catalog alone does not tell the two apart.
    """
    return materialized != "view"


def are_same_counters(before: str, now: str) -> bool:
    """Return whether nothing was written between two texts of counters, as far as both can tell."""
    return before == now or (BESIDE_COUNTERS not in before and before == now.partition(BESIDE_COUNTERS)[0])
