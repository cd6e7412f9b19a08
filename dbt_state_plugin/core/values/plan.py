"""Plans: the decision about each node, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dbt_state_plugin.core.values.estimates import Estimate, Savings
from dbt_state_plugin.core.values.project import Exposure, Node
from dbt_state_plugin.core.values.reasons import OldRows, Reason
from dbt_state_plugin.core.values.records import RecordedRelation, RemovedNode
from dbt_state_plugin.core.values.relations import Environment, RelationName
from dbt_state_plugin.core.values.things import Thing


class Decision(str, Enum):
    """What a plan does with a node."""

    BUILD = "build"
    SKIP = "skip"


class HookReason(str, Enum):
    """Why a run executes an on-run hook of the project even where it builds nothing."""

    CHANGED = "changed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCategory:
    """What the differences between a node's definition and its recorded one amount to.

    `reasons` are the real ones; `cosmetic` those that leave what dbt executes as it was. `is_physical` says that no row
    and no column can come out differently. `inlined_is_same` says so of the ephemeral models in it. `is_logic` says
    that rows built before may differ from those that would be built now; of a seed, that the columns of its table do.
    `new_hooks` are hooks of the project that are new or changed, which is no reason to build the node.
    `inlined_items` are what a changed ephemeral model inside reads and is another, as the items of a reason.
    """

    reasons: tuple[Reason, ...] = ()
    cosmetic: tuple[Reason, ...] = ()
    is_physical: bool = False
    inlined_is_same: bool = False
    is_logic: bool = False
    new_hooks: tuple[str, ...] = ()
    inlined_items: tuple[Mapping[str, Any], ...] = ()


NO_CHANGE = ChangeCategory()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """The decision about one node.

    `reasons` is empty when the node is unchanged. A node that needs a build but stands outside the selection has
    reasons, the decision `skip` and `outside_selection`. `cosmetic` holds differences that leave what dbt executes as
    it was. `keeps_data` says that the build changes no row and no column. `old_rows` says what becomes of rows that an
    earlier logic has built (of a seed: of the columns of an earlier file), None if there are none. `extra` are things
    that were added to its relation by hand. `hangs_on` names the nodes of which one has to come out different in the
    run for this one to be built, empty if it is built in any case.
    """

    node: Node
    decision: Decision
    reasons: tuple[Reason, ...] = ()
    outside_selection: bool = False
    cosmetic: tuple[Reason, ...] = ()
    keeps_data: bool = False
    record: RecordedRelation | None = None
    old_rows: OldRows | None = None
    extra: tuple[Thing, ...] = ()
    hangs_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedExposure:
    """An exposure, and of what it reads the nodes that are built and the sources with new data."""

    exposure: Exposure
    below: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decisions about every node in scope, in an order in which parents come first.

    `parent_versions` maps each relation of the project to the version that a child built now would see. `unlisted`
    counts skipped nodes that have no entry, since an earlier empty plan is still up to date; `unlisted_outdated` names
    the seeds among them that are in `outdated_seeds`. `hooks` are the on-run hooks of the project that a run executes
    even where it builds nothing, by unique_id. `exposures` read what is built or a source with new data. `estimate` and
    `savings` are None if nobody worked them out. `untold` are the features (see capabilities.py) that the warehouse
    cannot tell, so that such changes go unnoticed. `absent_above` are nodes that other commands build, that do not
    exist yet, and that nodes to be built read. `gone` are the relations of `removed` nodes that no longer exist.
    """

    environment: Environment
    command: str
    entries: tuple[PlanEntry, ...]
    removed: tuple[RecordedRelation | RemovedNode, ...] = ()
    parent_versions: Mapping[RelationName, str] = field(default_factory=dict)
    is_narrowed: bool = False
    unlisted: int = 0
    unlisted_outdated: tuple[str, ...] = ()
    hooks: Mapping[str, HookReason] = field(default_factory=dict)
    exposures: tuple[AffectedExposure, ...] = ()
    estimate: Estimate | None = None
    savings: Savings | None = None
    untold: tuple[str, ...] = ()
    absent_above: tuple[str, ...] = ()
    gone: frozenset[RelationName] = frozenset()

    @property
    def outdated_seeds(self) -> tuple[str, ...]:
        """Return the seeds whose tables keep columns or types of an earlier file until they are loaded from scratch."""
        listed = (e for e in self.entries if e.node.resource_type == "seed" and e.old_rows is OldRows.KEPT)
        return (*(entry.node.unique_id for entry in listed), *self.unlisted_outdated)

    @property
    def to_build(self) -> tuple[PlanEntry, ...]:
        """Return the entries that are built."""
        return tuple(entry for entry in self.entries if entry.decision is Decision.BUILD)

    @property
    def skipped(self) -> tuple[PlanEntry, ...]:
        """Return the entries that are skipped because nothing asks for a build."""
        return tuple(entry for entry in self.entries if entry.decision is Decision.SKIP and not entry.reasons)

    @property
    def left_alone(self) -> int:
        """Return how many nodes are skipped because nothing asks for a build."""
        return len(self.skipped) + self.unlisted

    @property
    def waiting(self) -> tuple[PlanEntry, ...]:
        """Return the entries that need a build but stand outside the selection."""
        return tuple(entry for entry in self.entries if entry.outside_selection)

    def entry(self, unique_id: str) -> PlanEntry | None:
        """Return the entry of a node, or None when it is not in scope."""
        return next((entry for entry in self.entries if entry.node.unique_id == unique_id), None)
