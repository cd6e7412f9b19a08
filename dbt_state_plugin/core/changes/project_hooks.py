"""Changed hooks of the project that rebuild nothing.

A hook acts when dbt runs it, whatever is built. So a changed one is a reason to run the hooks; it is none to build a
node, unless it may change what the builds of the same run read. Any doubt means that it may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.values.dialect import SqlDialect

Names = frozenset[tuple[str, str]]  # schema, empty where none is given, and identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectHook:
    """One rendered on-run-start or on-run-end hook."""

    unique_id: str
    text: str

    @property
    def moment(self) -> str:
        """Return when dbt runs it."""
        return "on-run-start" if runs_at_start(self.unique_id) else "on-run-end"


def runs_at_start(unique_id: str) -> bool:
    """Return whether dbt runs a hook of the project before it builds anything."""
    return "-on-run-start-" in unique_id


def hooks_of(items: Mapping[str, str], texts: Iterable[str] | None) -> tuple[ProjectHook, ...] | None:
    """Return the hooks with their texts, which stand in the order of their ids; None where these are others."""
    names = sorted(name for name in items if name.startswith("operation."))
    texts = None if texts is None else tuple(texts)
    if texts is None or len(texts) != len(names):
        return None
    return tuple(ProjectHook(unique_id=name, text=text) for name, text in zip(names, texts, strict=True))


def new_hooks_that_build_nothing(
    before: tuple[ProjectHook, ...],
    now: tuple[ProjectHook, ...],
    *,
    is_same: Callable[[str, str], bool],
    dialect: SqlDialect,
    relations: Names,
) -> tuple[str, ...] | None:
    """Return the ids of the hooks that are new or changed, None where what differs may change what nodes read.

    `relations` are those of the project as a statement may name them. What on-run-end writes, no build of the same run
    has read; what on-run-start writes must be none of them. A hook that is gone leaves behind what it has done.
    """
    gone, new = _differing(before, now, is_same)
    if any(dialect.written_by(hook.text) is None for hook in gone):
        return None
    for hook in new:
        written = dialect.written_by(hook.text)
        if written is None or (hook.moment == "on-run-start" and not relations.isdisjoint(written)):
            return None
    return tuple(hook.unique_id for hook in new)


def _differing(
    before: tuple[ProjectHook, ...], now: tuple[ProjectHook, ...], is_same: Callable[[str, str], bool]
) -> tuple[list[ProjectHook], list[ProjectHook]]:
    """Return the hooks that only one side has; those of one moment are matched in the order in which dbt runs them."""
    gone: list[ProjectHook] = []
    new: list[ProjectHook] = []
    for moment in ("on-run-start", "on-run-end"):
        rest = [hook for hook in before if hook.moment == moment]
        for hook in (hook for hook in now if hook.moment == moment):
            position = next((at for at, old in enumerate(rest) if is_same(old.text, hook.text)), None)
            if position is None:
                new.append(hook)
            else:
                gone += rest[:position]
                rest = rest[position + 1 :]
        gone += rest
    return gone, new
