"""Records of relations in the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.reasons import Reason
from dbt_state_plugin.core.values.relations import Identity, RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedReads:
    """What rendering a build was seen to read beyond what its fingerprint holds.

    `volatile` names what gives another value on every run; `flags` are dbt's flags with their values; `sources` maps
    the unique_ids of sources that it does not declare to the names of their relations. `questions` hold hashes of the
    answers of the database, and no SQL where none may be stored.
    """

    volatile: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsLeft:
    """What a relation held at one moment: hashes of its columns, of its rows in any order, and of their order.

    `some` holds, for some of its columns (their names, sorted), a hash of these columns and of the rows cut down to
    them, in their order. `names` are those of its columns and `number` is how many rows there were, which are not
    recorded.
    """

    columns: str
    rows: str
    order: str
    some: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    number: int = 0


# What on-run hooks have done to a relation, where that is known.
NOTHING, WROTE_ROWS = "nothing", "rows"
ON_RUN = "on-run"  # who wrote into a relation, where it was the on-run hooks of the project


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a successful build saw.

    `parents` maps a parent relation or function, as text, to its version then; `inlined` maps the unique_id of a parent
    without a relation (ephemeral model, tested model's definition) to a hash of its definition. `content` tells the
    rows that the build left, where the node is configured to compare them. `volatile` names the calls in its SQL that
    may give another answer on every run, None when that is not known. `older_logic` is the execution since which the
    relation holds rows that an earlier logic has built, empty when it holds none. `reads` is None if rendering was not
    traced; then words in the code decide. `named` holds the relations that its SQL names undeclared (schema and
    identifier), None if that was not checked. `session` is that of the build, as in Catalog, None if it is not known.
    `writes` are other relations of the project that its hooks wrote into; `written_by` says whose hook wrote into this
    one since it was built. `on_run` says what the on-run hooks of the project did to it since: `nothing`, or `rows`
    that they wrote; empty where that is not known. `has_hooks` says that hooks of the node ran with it, which may even
    remove what was built. `rows` tells what the build left, where it was compared within a run. `reads_order` says
    whether the order of the rows that it reads may decide what comes out, None if that was not checked. `columns` maps
    each relation that its SQL names (schema and identifier) to the columns that it reads there, none for a relation
    that is read as a whole; None as before. `reads_storage` says whether equal rows in equal order may give something
    else, by where they lie; None as before.
    """

    parents: Mapping[str, str] = field(default_factory=dict)
    inlined: Mapping[str, str] = field(default_factory=dict)
    content: str = ""
    volatile: tuple[str, ...] | None = None
    older_logic: str = ""
    reads: TracedReads | None = None
    named: tuple[tuple[str, str], ...] | None = None
    session: Mapping[str, str] | None = None
    writes: tuple[tuple[str, str], ...] = ()
    written_by: str = ""
    on_run: str = ""
    has_hooks: bool = False
    rows: RowsLeft | None = None
    reads_order: bool | None = None
    reads_storage: bool | None = None
    columns: Mapping[tuple[str, str], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRelation:
    """What is recorded about one relation: who built it, from what, and which identity it had.

    `data_id` names its rows and columns: a build for a physical reason (a grant, an index) leaves it as it was.
    `columns` are those that the build left, as JSON, and `touched` the server's counters of what was written into the
    relation, as they stood when its run had ended; `shape` is what the build left besides (see versions/shape.py); None
    if that was not checked. `is_of_today` says that its build began on the present day of the server's clock.
    """

    relation: RelationName
    unique_id: str
    environment: str
    resource_type: str
    materialized: str
    fingerprint: Mapping[str, str]
    trace: Trace
    identity: Identity | None
    build_id: UUID
    data_id: UUID
    built_at: datetime
    execution_id: UUID | None = None
    duration_ms: int | None = None
    raw_definition_id: str | None = None
    columns: str | None = None
    touched: str | None = None
    shape: str | None = None
    is_of_today: bool = False


def was_removed_by_hook(record: RecordedRelation) -> bool:
    """Return whether a build left no relation since a hook of the node removed it, as it does whenever dbt runs."""
    return record.identity is None and record.trace.has_hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedNode:
    """A relation that a node left behind which the project has no more."""

    unique_id: str
    relation: RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """A relation that an execution may have written without recording it.

    `node_status` is how the node ended in it, in dbt's word, empty if that is not known.
    """

    relation: RelationName
    execution_id: UUID
    execution_status: str
    environment: str
    unique_id: str
    node_status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Everything that the state holds about the relations of a project.

    `other_reads` says of relations what their builds have read and gives something else today. `restored_at` is when
    the warehouse or the state was found to be an older copy, None if that never was. `unread` are those of which nobody
    can tell whether they are as their build left them: it ended before that was read.
    """

    relations: Mapping[RelationName, RecordedRelation] = field(default_factory=dict)
    intents: Mapping[RelationName, tuple[OpenIntent, ...]] = field(default_factory=dict)
    removed: tuple[RecordedRelation, ...] = ()
    other_reads: Mapping[RelationName, tuple[Reason, ...]] = field(default_factory=dict)
    restored_at: datetime | None = None
    unread: frozenset[RelationName] = frozenset()

    def is_in_doubt(self, record: RecordedRelation) -> bool:
        """Return whether the build is one of before the warehouse or the state was replaced by an older copy."""
        return self.restored_at is not None and record.built_at < self.restored_at


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDefinition:
    """What is recorded about the definition of one build besides its fingerprint.

    `items` maps each part to its items and their hashes; `compiled` is the document of the compiled SQL.
    """

    items: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    compiled: Mapping[str, Any] = field(default_factory=dict)
