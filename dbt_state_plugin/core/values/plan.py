"""What the project, the state and the warehouse look like to the decision rule: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

MAX_IDENTIFIER_BYTES = 63  # PostgreSQL's NAMEDATALEN - 1; longer identifiers are truncated by the server


NO_SQL = "it has no SQL"  # the problem of a node that there is nothing to compile of


class ReasonKind(str, Enum):
    """Why a node is built. The values are part of the JSON output."""

    NEW = "new"
    BODY = "body"
    CONFIG = "config"
    MACROS = "macros"
    VARIABLES = "variables"
    CONTRACT = "contract"
    HOOKS = "hooks"
    PROJECT_HOOKS = "project_hooks"
    MATERIALIZATION = "materialization"
    SESSION = "session"
    DOCS = "docs"
    RELATION = "relation"
    REFERENCES = "references"
    FLAGS = "flags"
    ENGINE = "engine"
    DEFINITION = "definition"
    UPSTREAM = "upstream"
    DATA = "data"
    AGE = "age"
    MISSING = "missing"
    DRIFTED = "drifted"
    INTERRUPTED = "interrupted"
    VOLATILE = "volatile"
    LOGIC = "logic"
    FORCED = "forced"


class OldRows(str, Enum):
    """What becomes of rows that the earlier logic of an incremental model or a snapshot has built."""

    KEPT = "kept"
    REBUILT = "rebuilt"
    PROTECTED = "protected"
    REFUSED = "refused"


class Decision(str, Enum):
    """What a plan does with a node."""

    BUILD = "build"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RelationName:
    """Name a relation as the server stores it: unquoted parts folded to lower case, cut at 63 bytes."""

    database: str
    schema: str
    identifier: str

    def __str__(self) -> str:
        parts = (self.database, self.schema, self.identifier)
        if '"' not in "".join(parts):  # nearly all; a plan asks for the names of all parents of all nodes
            return '"' + '"."'.join(parts) + '"'
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Name what shares one lock and one history.

    `warehouse` is empty when the state is kept in the warehouse itself, else it names the other server. `pipeline` is
    set instead of project, target, database and schema when scripts keep books without a dbt project.
    """

    warehouse: str = ""
    pipeline: str = ""
    project: str = ""
    target: str = ""
    database: str = ""
    schema: str = ""

    def __str__(self) -> str:
        if self.pipeline:
            return f"pipeline {self.pipeline}"
        return f"{self.project}/{self.target} ({self.database}.{self.schema})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Describe one node of the dbt project with the fingerprint of its definition.

    `fingerprint` maps the name of a part (`body`, `config`, `macros`, ...) to a sha256 in hex. `volatile` holds what
    makes the compiled SQL differ on every run, such as `run_started_at`. `settings` holds what the project says about
    the node to this tool, in `meta.dbt_state_plugin`. `names_loader_columns` says that its code names a column that a
    loader writes beside the rows. `full_refresh` is dbt's own config of this name. `keeps_columns` says that dbt writes
    into its table as it stands and never alters its columns, unless it builds it from scratch.
    """

    unique_id: str
    resource_type: str
    name: str
    package: str
    fqn: tuple[str, ...]
    path: str
    materialized: str = ""
    relation: RelationName | None = None
    parents: tuple[str, ...] = ()
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    raw_code: str = ""
    volatile: tuple[str, ...] = ()
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    names_loader_columns: bool = False
    full_refresh: bool | None = None
    keeps_columns: bool = False

    @property
    def is_ephemeral(self) -> bool:
        """Tell whether dbt inlines the node into its children instead of building it."""
        return self.resource_type == "model" and self.materialized == "ephemeral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Hold the parsed project: every enabled node and source by unique_id, in no particular order."""

    name: str
    target: str
    database: str
    schema: str
    dbt_version: str
    adapter_version: str
    nodes: Mapping[str, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalIdentity:
    """Tell one incarnation of a relation from the next: `pg_class.oid`, `relfilenode` and `relkind`.

    A view has no file; a hash of its definition stands in the place of `relfilenode`.
    """

    oid: int
    relfilenode: int
    relkind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Say which relations exist, which views PostgreSQL drops along with each of them, and what data sources hold.

    `data` maps a source's relation to two or three texts with slashes between them: one differs when its columns
    differ, one whenever its rows may differ, and one says what the rows themselves gave (see data_version.py).
    `columns` maps a relation to its columns, as JSON pairs of name and type, `touched` to the server's counters of what
    was written into it.
    """

    identities: Mapping[RelationName, PhysicalIdentity] = field(default_factory=dict)
    cascades: Mapping[RelationName, tuple[RelationName, ...]] = field(default_factory=dict)
    data: Mapping[RelationName, str] = field(default_factory=dict)
    columns: Mapping[RelationName, str] = field(default_factory=dict)
    touched: Mapping[RelationName, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Say what a successful build saw.

    `parents` maps a parent relation or function, as text, to its version then; `inlined` maps the unique_id of a
    parent without a relation (ephemeral model, tested model's definition) to a hash of its definition. `content` tells
    the rows that the build left, where the node is configured to compare them. `volatile` names the calls in its SQL
    that may give another answer on every run, None when that is not known. `older_logic` is the execution since which
    the relation holds rows that an earlier logic has built, empty when it holds none.
    """

    parents: Mapping[str, str] = field(default_factory=dict)
    inlined: Mapping[str, str] = field(default_factory=dict)
    content: str = ""
    volatile: tuple[str, ...] | None = None
    older_logic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRelation:
    """Hold what is recorded about one relation: who built it, from what, and which incarnation it was.

    `data_id` names its rows and columns: a build for a physical reason (a grant, an index) leaves it as it was.
    `columns` are those that the build left, as JSON, and `touched` the server's counters of what was written into the
    relation, as they stood when its run had ended; None where nobody looked.
    `is_of_today` says that its build began on the present day of the server's clock.
    """

    relation: RelationName
    unique_id: str
    environment: str
    resource_type: str
    materialized: str
    fingerprint: Mapping[str, str]
    trace: Trace
    identity: PhysicalIdentity | None
    build_id: UUID
    data_id: UUID
    built_at: datetime
    execution_id: UUID | None = None
    duration_ms: int | None = None
    raw_definition_id: str | None = None
    columns: str | None = None
    touched: str | None = None
    is_of_today: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedNode:
    """Name a relation that a node left behind which the project has no more."""

    unique_id: str
    relation: RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """Say that an execution which has ended may have written a relation without recording it."""

    relation: RelationName
    execution_id: UUID
    execution_status: str
    environment: str
    unique_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Hold everything that the state says about the relations of a project."""

    relations: Mapping[RelationName, RecordedRelation] = field(default_factory=dict)
    intents: Mapping[RelationName, tuple[OpenIntent, ...]] = field(default_factory=dict)
    removed: tuple[RecordedRelation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Give one reason for building a node: its kind, the evidence in words, and the node that it comes from."""

    kind: ReasonKind
    detail: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledNode:
    """Hold the SQL that dbt makes of one node, in all forms in which it may run it.

    `forms` maps `sql`, and `incremental` where `is_incremental()` may make a difference, to a statement; `hooks` holds
    the rendered hooks of the node, `project_hooks` those of the project. `ddl` is the statement that creates a view,
    where macros of the project take part in it. `problem` says why there is no SQL that could be compared: it depends
    on more than the project.
    """

    language: str = "sql"
    forms: Mapping[str, str] = field(default_factory=dict)
    hooks: tuple[str, ...] | None = ()
    project_hooks: tuple[str, ...] | None = ()
    ddl: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDetail:
    """Hold what is recorded about the definition of one build besides its fingerprint.

    `items` maps each part to its items and their hashes; `compiled` is the document of the compiled SQL.
    """

    items: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    compiled: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Say what the differences between a node's definition and its recorded one amount to.

    `reasons` are the real ones; `cosmetic` those that leave what dbt executes as it was. `is_physical` says that no row
    and no column can come out differently. `inlined_is_same` says so of the ephemeral models in it. `is_logic` says
    that rows built before may differ from those that would be built now.
    """

    reasons: tuple[Reason, ...] = ()
    cosmetic: tuple[Reason, ...] = ()
    is_physical: bool = False
    inlined_is_same: bool = False
    is_logic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """Hold the decision about one node.

    `reasons` is empty when the node is unchanged. A node that needs a build but stands outside the selection has
    reasons, the decision `skip` and `outside_selection`. `cosmetic` holds differences that leave what dbt executes as
    it was. `keeps_data` says that the build changes no row and no column. `old_rows` says what becomes of rows that an
    earlier logic has built, None where there are none.
    """

    node: Node
    decision: Decision
    reasons: tuple[Reason, ...] = ()
    outside_selection: bool = False
    cosmetic: tuple[Reason, ...] = ()
    keeps_data: bool = False
    record: RecordedRelation | None = None
    old_rows: OldRows | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hold the decisions about every node in scope, in an order in which parents come first.

    `parent_versions` maps each relation of the project to the version that a child built now would see. `unlisted`
    counts nodes that are left alone and have no entry, since the verdict of an earlier plan stands.
    """

    environment: Environment
    command: str
    entries: tuple[PlanEntry, ...]
    removed: tuple[RecordedRelation | RemovedNode, ...] = ()
    parent_versions: Mapping[RelationName, str] = field(default_factory=dict)
    is_narrowed: bool = False
    unlisted: int = 0

    @property
    def to_build(self) -> tuple[PlanEntry, ...]:
        """Return the entries that are built."""
        return tuple(entry for entry in self.entries if entry.decision is Decision.BUILD)

    @property
    def skipped(self) -> tuple[PlanEntry, ...]:
        """Return the entries that are left alone because nothing asks for a build."""
        return tuple(entry for entry in self.entries if entry.decision is Decision.SKIP and not entry.reasons)

    @property
    def left_alone(self) -> int:
        """Return how many nodes are left alone because nothing asks for a build."""
        return len(self.skipped) + self.unlisted

    @property
    def waiting(self) -> tuple[PlanEntry, ...]:
        """Return the entries that need a build but stand outside the selection."""
        return tuple(entry for entry in self.entries if entry.outside_selection)

    def entry(self, unique_id: str) -> PlanEntry | None:
        """Return the entry of a node, or None when it is not in scope."""
        return next((entry for entry in self.entries if entry.node.unique_id == unique_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOutcome:
    """Say how dbt ended with one node; `status` is dbt's own word."""

    unique_id: str
    status: str
    message: str = ""
    rows_affected: int | None = None
    duration_ms: int | None = None

    @property
    def is_success(self) -> bool:
        """Tell whether the node did what it was there for; a test that warns has passed."""
        return self.status in ("success", "pass", "warn", "no-op")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepItem:
    """Say about one thing that a step of somebody else covers, such as a stream, what changed and why.

    Each reason is a kind and a word to it, as in ("select", "changed"); read together they are the phrase.
    """

    name: str
    resource_type: str
    status: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Say how a run ended: `status` is succeeded, failed or cancelled.

    `outcomes` holds what dbt said about each node; `unrecorded` the nodes that dbt built and that could not be
    recorded, with the cause; `saved_ms` is the sum of the last durations of the nodes that were left alone.
    """

    execution_id: UUID
    status: str
    plan: Plan
    outcomes: Mapping[str, NodeOutcome] = field(default_factory=dict)
    unrecorded: Mapping[str, str] = field(default_factory=dict)
    elapsed_ms: int = 0
    saved_ms: int = 0

    @property
    def built(self) -> tuple[PlanEntry, ...]:
        """Return the planned entries that were built and recorded."""
        failed = self.failed_ids
        return tuple(entry for entry in self.plan.to_build if entry.node.unique_id not in failed)

    @property
    def failed_ids(self) -> frozenset[str]:
        """Return the planned nodes that are built again next time: failed, skipped, missing or not recorded."""
        planned = {entry.node.unique_id for entry in self.plan.to_build}
        good = {node for node, outcome in self.outcomes.items() if outcome.is_success and node not in self.unrecorded}
        return frozenset(planned - good)
