"""What can be reached in a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set


def reached(start: Iterable[str], neighbours: Callable[[str], Set[str]]) -> set[str]:
    """Return where one can get to by any number of steps, with the start; `neighbours` gives those one step away."""
    found = set(start)
    todo = list(found)
    while todo:
        fresh = neighbours(todo.pop()) - found
        found |= fresh
        todo.extend(fresh)
    return found
