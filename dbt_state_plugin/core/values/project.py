"""The parsed project: its nodes and their compiled SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dbt_state_plugin.core.values.reads import RenderedReads
from dbt_state_plugin.core.values.relations import RelationName


class SqlProblem(str, Enum):
    """Why a node has no SQL that could be compared; report/reason_words.py makes the words."""

    NOTHING_TO_COMPILE = "nothing-to-compile"
    ASKS_DATABASE = "asks-database"  # with what asks
    NOT_COMPILED = "not-compiled"
    NOT_COMPILED_ALONE = "not-compiled-alone"  # with the type of the error


@dataclass(frozen=True, slots=True)
class NotComparable:
    """A problem and the name that belongs to it."""

    problem: SqlProblem
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the dbt project with the fingerprint of its definition.

    `fingerprint` maps the name of a part (`body`, `config`, `macros`, ...) to a sha256 in hex. `volatile` holds what
    makes the compiled SQL differ on every run, such as `run_started_at`. `settings` holds what the project says about
    the node to this tool, in `meta.dbt_state_plugin`. `names_loader_columns` says that its code names a column that a
    loader writes beside the rows. `full_refresh` is dbt's own config of this name. `keeps_columns` says that dbt writes
    into its table as it is and never alters its columns, unless it builds it from scratch. `custom_ddl` says that
    macros which are not dbt's own take part in how dbt writes it, beside its SQL and its hooks. `shows_failures` says
    that a test leaves a view of what it finds, which goes down with what it reads.
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
    custom_ddl: bool = False
    shows_failures: bool = False

    @property
    def is_ephemeral(self) -> bool:
        """Return whether dbt inlines the node into its children instead of building it."""
        return self.resource_type == "model" and self.materialized == "ephemeral"

    @property
    def is_source(self) -> bool:
        """Return whether something other than dbt writes what it names."""
        return self.resource_type == "source"

    @property
    def is_function(self) -> bool:
        """Return whether it is a function, which computes its answer when it is called."""
        return self.resource_type == "function"

    @property
    def is_test(self) -> bool:
        """Return whether it is a test or a unit test, which only checks what is there."""
        return self.resource_type in ("test", "unit_test")

    @property
    def is_view(self) -> bool:
        """Return whether it is a view, which computes its rows when it is read."""
        return self.materialized == "view"

    @property
    def writes_relation(self) -> bool:
        """Return whether a build of it leaves a relation of its own."""
        return self.relation is not None and not self.is_source and not self.is_ephemeral


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What reads the project's relations outside of dbt, such as a dashboard; `kind` is dbt's word for it."""

    unique_id: str
    name: str
    kind: str
    owner: str = ""
    url: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The parsed project: every enabled node and source by unique_id, in no particular order."""

    name: str
    target: str
    database: str
    schema: str
    dbt_version: str
    adapter_version: str
    nodes: Mapping[str, Node]
    exposures: tuple[Exposure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledNode:
    """The SQL that dbt makes of one node, in all forms in which it may run it.

    `forms` maps `sql`, and `incremental` where `is_incremental()` may make a difference, to a statement; `hooks` holds
    the rendered hooks of the node, `project_hooks` those of the project, with None for one that cannot be rendered by
    itself. `ddl` is the statement that creates a view, where macros of the project take part in it. `problem` says why
    there is no SQL that could be compared: it depends on more than the project. `reads` is what rendering it has read,
    None if that was not traced.
    """

    language: str = "sql"
    forms: Mapping[str, str] = field(default_factory=dict)
    hooks: tuple[str, ...] | None = ()
    project_hooks: tuple[str | None, ...] | None = ()
    ddl: str = ""
    problem: NotComparable | None = None
    reads: RenderedReads | None = None
