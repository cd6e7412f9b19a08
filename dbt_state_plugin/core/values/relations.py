"""Relations: their names, identities, and what the catalog says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RelationName:
    """A relation as the server stores it: its parts may be folded and cut (see dialect.py)."""

    database: str
    schema: str
    identifier: str

    def __str__(self) -> str:
        parts = (self.database, self.schema, self.identifier)
        if '"' not in "".join(parts):  # nearly all; a plan asks for the names of all parents of all nodes
            return '"' + '"."'.join(parts) + '"'
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)

    @property
    def spellings(self) -> frozenset[tuple[str, str]]:
        """Return how a statement may name it, as schema and identifier; without a schema it may be any of this name."""
        return frozenset({(self.schema, self.identifier), ("", self.identifier)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The scope of one lock and one history.

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


class RelationKind(str, Enum):
    """What a relation is. The values are stored, and part of the JSON output."""

    TABLE = "table"
    PARTITIONED_TABLE = "partitioned table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"
    OTHER = "other"

    @classmethod
    def _missing_(cls, _value: object) -> RelationKind:
        return cls.OTHER  # a row that was edited by hand

    @property
    def word(self) -> str:
        """Return the kind as used in a sentence."""
        return "relation" if self is RelationKind.OTHER else self.value


TABLES = frozenset({RelationKind.TABLE, RelationKind.PARTITIONED_TABLE})  # what keeps rows that dbt adds to


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Distinguishes a relation from an earlier one of its name, by two texts that only the warehouse's adapter makes.

    `object_id` is another when the relation was re-created, `storage_id` also when it was rewritten or redefined in
    place. Nobody looks into them; neither has a slash.
    """

    object_id: str
    storage_id: str
    kind: RelationKind

    @classmethod
    def from_text(cls, text: str, kind: str) -> Identity:
        """Return the identity that `text` gave, of this kind in the state's words."""
        object_id, _, storage_id = text.partition("/")
        return cls(object_id=object_id, storage_id=storage_id, kind=RelationKind(kind))

    @property
    def text(self) -> str:
        """Return both texts as the state keeps them, which has the kind beside them."""
        return f"{self.object_id}/{self.storage_id}"

    def is_same_object_as(self, other: Identity) -> bool:
        """Return whether both are of one relation that was not re-created in between."""
        return self.object_id == other.object_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceData:
    """What a source holds: texts of which one differs when its columns do, and one whenever its rows may.

    `answer` says what the rows themselves gave, where they were asked (see source_version.py).
    """

    columns: str
    touched: str
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Which relations exist, which views the server drops along with each of them, and what data sources hold.

    `columns` maps a relation to its columns, as JSON pairs of name and type, `touched` to the server's counters of what
    was written into it, `shapes` to what a build leaves beside rows and columns (see versions/shape.py).
    `foreign_keys` maps a relation to the tables whose foreign keys point at it and go when it is dropped, each with the
    key by which it stands in that table's shape. `session` holds the settings of a
    session of dbt's that say what statements mean, by name, and its `user`.
    """

    identities: Mapping[RelationName, Identity] = field(default_factory=dict)
    cascades: Mapping[RelationName, tuple[RelationName, ...]] = field(default_factory=dict)
    data: Mapping[RelationName, SourceData] = field(default_factory=dict)
    columns: Mapping[RelationName, str] = field(default_factory=dict)
    touched: Mapping[RelationName, str] = field(default_factory=dict)
    session: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[RelationName, str] = field(default_factory=dict)
    foreign_keys: Mapping[RelationName, tuple[tuple[RelationName, str], ...]] = field(default_factory=dict)
