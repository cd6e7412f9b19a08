"""A warehouse in memory, by the protocol alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from dbt_state_plugin.core.values.orphans import DropCheck
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind, RelationName
from dbt_state_plugin.warehouse.answers import Calls, FunctionBody, Present, QueryRefused, SourceMetadata
from dbt_state_plugin.warehouse.interface import Warehouse

KINDS = {"view": RelationKind.VIEW, "materialized_view": RelationKind.MATERIALIZED_VIEW}
COLUMNS = {"c": "text"}


@dataclass
class Held:
    """One relation: which object it is, how often it was written into, and its columns."""

    object: int
    kind: RelationKind
    writes: int = 0
    columns: dict[str, str] = field(default_factory=lambda: dict(COLUMNS))

    @property
    def identity(self) -> Identity:
        return Identity(object_id=f"stub-{self.object}", storage_id="0", kind=self.kind)


class StubWarehouse(Warehouse):
    """Holds relations by their identifiers; what it says is right as soon as it happened."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self._numbers = count(1)

    def create(self, identifier: str, materialized: str = "table") -> None:
        """Create or replace a relation, as a build, a loader or somebody by hand does."""
        kind = KINDS.get(materialized, RelationKind.TABLE)
        self.held[identifier] = Held(object=next(self._numbers), kind=kind)

    def write(self, identifier: str) -> None:
        """Write rows into a relation."""
        self.held[identifier].writes += 1

    def drop_by_hand(self, identifier: str) -> None:
        del self.held[identifier]

    def close(self) -> None:
        """There is no connection."""

    def shares(self, connection: object) -> bool:
        return False

    def server_identity(self) -> tuple[str, str]:
        return "memory", "stub"

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        found = {name: self.held[name.identifier] for name in relations if name.identifier in self.held}
        return Catalog(
            identities={name: each.identity for name, each in found.items()},
            columns={name: json.dumps(list(each.columns.items())) for name, each in found.items()},
            touched={name: str(each.writes) for name, each in found.items() if each.kind is RelationKind.TABLE},
        )

    def identity_sql(self, connection: object) -> str | None:
        return None

    def present(self, relation: RelationName) -> Present | None:
        catalog = self.catalog([relation])
        identity = catalog.identities.get(relation)
        return Present(identity=identity, columns=catalog.columns[relation]) if identity is not None else None

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        return {}  # no shape is known, so none can drift

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        catalog = self.catalog(relations)
        return {name: (catalog.identities[name], writes) for name, writes in catalog.touched.items()}

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        return {name: self._metadata(name) for name in sources}

    def _metadata(self, name: RelationName) -> SourceMetadata:
        held = self.held.get(name.identifier)
        if held is None:
            return SourceMetadata(columns={}, touched="?absent")
        return SourceMetadata(columns=held.columns, touched=str(held.writes), is_table=True)

    def content(self, relation: RelationName, columns: Iterable[str]) -> str:
        return str(self.held[relation.identifier].writes)

    def content_of_build(self, relation: RelationName) -> str:
        return ""

    def answer(self, source: str, relation: RelationName, query: str) -> str:
        return "no SQL here"

    def newest_row(self, source: str, relation: RelationName, loaded_at: str) -> str:
        return "no SQL here"

    def change_evidence(self, schemas: Iterable[str]) -> str | None:
        return None  # nothing tells from outside: plan always

    def calls_in(self, statement: str) -> Calls:
        return Calls()

    def volatile_names(self, calls: Calls, functions: Iterable[Any]) -> tuple[str, ...]:
        return ()

    def functions(self, names: Iterable[str]) -> tuple[Any, ...]:
        return ()

    def function_bodies(self, name: str) -> tuple[FunctionBody, ...]:
        return ()

    def view_definitions(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[str, ...]]:
        return {}

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Any]:
        return {}

    def describe(self, query: str, *, of_dbt: Any) -> Any:
        raise QueryRefused("no SQL here", is_certain=False)

    def count_rows(self, relation: RelationName) -> int:
        raise QueryRefused("no SQL here", is_certain=False)

    def drop_checks(self, relations: Iterable[RelationName]) -> Mapping[RelationName, DropCheck]:
        return {}

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        yield None

    def drop(self, relation: RelationName, identity: Identity) -> None:
        self.held.pop(relation.identifier)
