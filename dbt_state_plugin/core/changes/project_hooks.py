"""Changed hooks of the project that rebuild nothing.

A hook acts when dbt runs it, whatever is built. So a changed hook is a reason to run the hooks. It is a reason to build
a node only if it may change what builds of the same run read, or if what the earlier hook did is still on a relation
that dbt would rebuild. Any doubt counts as such a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.values.dialect import SqlDialect

Names = frozenset[tuple[str, str]]  # schema, empty where none is given, and identifier
ReadersOf = Callable[[Names], Names | None]
"""In which relations rows of others show, those themselves among them; None where nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectHook:
    """One on-run-start or on-run-end hook, without a text where it cannot be rendered by itself."""

    unique_id: str
    text: str | None

    @property
    def kind(self) -> str:
        """Return when dbt runs it."""
        return "on-run-start" if runs_at_start(self.unique_id) else "on-run-end"


def runs_at_start(unique_id: str) -> bool:
    """Return whether dbt runs a hook of the project before it builds anything."""
    return "-on-run-start-" in unique_id


def hooks_of(items: Mapping[str, str], texts: Iterable[str | None] | None) -> tuple[ProjectHook, ...] | None:
    """Return the hooks with their texts, which stand in the order of their ids; None if these are others."""
    names = sorted(name for name in items if name.startswith("operation."))
    texts = None if texts is None else tuple(texts)
    if texts is None or len(texts) != len(names):
        return None
    return tuple(ProjectHook(unique_id=name, text=text) for name, text in zip(names, texts, strict=True))


def nobody_knows(_: Names) -> None:
    """Say that nobody can tell what reads relations."""


def new_hooks_that_build_nothing(
    before: tuple[ProjectHook, ...],
    now: tuple[ProjectHook, ...],
    *,
    is_same: Callable[[str, str], bool],
    dialect: SqlDialect,
    read: Names | None,
    readers_of: ReadersOf,
    own: Names,
    is_untouched: bool,
) -> tuple[str, ...] | None:
    """Return the ids of the hooks that are new or changed, None if the node has to be built for what differs.

    `read` are the relations that nodes of the project build or read, as a statement may name them, None where the node
    may read any; `own` is that of the node. What on-run-end does, no build of the same run has read, and the next plan
    sees it; what on-run-start writes must show in none of them.
    `is_untouched` says that hooks are known to have left nothing on the node's relation that a build would take away.
    """
    gone, new = _differing(before, now, is_same)
    for hook in new:
        if hook.kind == "on-run-start" and not _is_read_by_nobody(hook, read, readers_of, dialect):
            return None
    if own and not is_untouched and not all(_left_nothing(hook, own, dialect) for hook in gone):
        return None
    return tuple(hook.unique_id for hook in new)


def _is_read_by_nobody(hook: ProjectHook, read: Names | None, readers_of: ReadersOf, dialect: SqlDialect) -> bool:
    """Return whether what a hook does shows in none of the relations that are read."""
    written = dialect.written_by(hook.text) if hook.text is not None else None
    if not written:
        return written is not None
    if read is None or not read.isdisjoint(written):
        return False
    readers = readers_of(written)
    return readers is not None and read.isdisjoint(readers)


def _left_nothing(hook: ProjectHook, own: Names, dialect: SqlDialect) -> bool:
    """Return whether the text of an earlier hook says that it did nothing to a relation."""
    touched = dialect.touched_by(hook.text) if hook.text is not None else None
    return touched is not None and own.isdisjoint(touched)


def _differing(
    before: tuple[ProjectHook, ...], now: tuple[ProjectHook, ...], is_same: Callable[[str, str], bool]
) -> tuple[list[ProjectHook], list[ProjectHook]]:
    """Return the hooks that only one side has; those of the same kind are matched in the order of execution."""
    gone: list[ProjectHook] = []
    new: list[ProjectHook] = []
    for kind in ("on-run-start", "on-run-end"):
        rest = [hook for hook in before if hook.kind == kind]
        for hook in (hook for hook in now if hook.kind == kind):
            position = next((at for at, old in enumerate(rest) if _is_same(old, hook, is_same)), None)
            if position is None:
                new.append(hook)
            else:
                gone += rest[:position]
                rest = rest[position + 1 :]
        gone += rest
    return gone, new


def _is_same(old: ProjectHook, hook: ProjectHook, is_same: Callable[[str, str], bool]) -> bool:
    return old.text is not None and hook.text is not None and is_same(old.text, hook.text)
