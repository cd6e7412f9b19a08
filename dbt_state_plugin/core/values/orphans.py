"""Orphans: relations that removed nodes left behind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dbt_state_plugin.core.values.causes import Cause
from dbt_state_plugin.core.values.records import RecordedRelation
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependant:
    """An object that prevents a relation from being dropped.

    `goes_with` holds the other relations that were asked about and whose drop removes the object.
    """

    description: str
    goes_with: frozenset[RelationName] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCheck:
    """The relation that has a recorded name now, and what its drop would affect.

    `role` is who asks; it and `owner` are empty in a warehouse without roles.
    `parts` are the partitions, which the server drops along without a word.
    """

    identity: Identity
    owner: str = ""
    role: str = ""
    may_drop: bool
    dependants: tuple[Dependant, ...] = ()
    parts: tuple[RelationName, ...] = ()


class Action(str, Enum):
    """What is done with an orphan. The values are part of the JSON output."""

    DROP = "drop"
    FORGET = "forget"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A relation that no node of the project has any more, what has its name now, and what is done with it.

    `why` gives the cause of anything but a drop.
    """

    record: RecordedRelation
    check: DropCheck | None
    action: Action
    why: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """The orphans of an environment in the order in which they can be dropped, and then those that cannot.

    `is_recorded` is False where nothing was ever recorded.
    """

    environment: Environment
    orphans: tuple[Orphan, ...] = ()
    is_recorded: bool = True

    def of(self, *actions: Action) -> tuple[Orphan, ...]:
        """Return the orphans with one of these actions."""
        return tuple(orphan for orphan in self.orphans if orphan.action in actions)
