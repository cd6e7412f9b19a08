"""Write counters of a relation."""

from __future__ import annotations

# Begins what the warehouse knows of rows beside its counters. Builds that were recorded before it was read lack it.
BESIDE_COUNTERS = "+beside:"


def are_same_counters(before: str, now: str) -> bool:
    """Return whether nothing was written between two texts of counters, as far as both can tell."""
    return before == now or (BESIDE_COUNTERS not in before and before == now.partition(BESIDE_COUNTERS)[0])
