"""Any other warehouse, by what dbt's adapters have in common.

That is which relations exist and which columns they have. What such a warehouse cannot tell is declared in
`warehouse/capabilities.py` and said in each plan.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from dbt_state_plugin.core.values.capabilities import Capabilities
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind, RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.warehouse.answers import (
    Calls,
    DropRefused,
    Function,
    FunctionBody,
    Present,
    QueryRefused,
    SourceMetadata,
    numbered_columns,
    value_hash,
)
from dbt_state_plugin.warehouse.capabilities import GENERIC
from dbt_state_plugin.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.findings import Finding
    from dbt_state_plugin.core.values.orphans import DropCheck

_Key = tuple[str, str, str]  # database, schema, identifier
_KINDS = {
    "view": RelationKind.VIEW,
    "materialized_view": RelationKind.MATERIALIZED_VIEW,
    "external": RelationKind.FOREIGN_TABLE,
}
# What says who connects and how, and not where to; secrets are never looked at.
_NOT_WHERE = re.compile(
    r"thread|timeout|retr|keepalive|tag|priority|schema|dataset|user|role|warehouse|secret|token|passw|pass$|key|auth",
    re.IGNORECASE,
)
_SECRET_IN_AN_ADDRESS = re.compile(r"[?&][^?&=\"]*(?:secret|token|passw|key)[^?&=\"]*=[^&\"]*", re.IGNORECASE)


class Questions(Protocol):
    """dbt's adapter, as `dbt_runner/adapter_questions.py` asks it."""

    def relations(self, database: str, schema: str) -> list[tuple[str, str]]:
        """Return the identifiers in a schema with dbt's words for their types."""

    def columns(self, database: str, schema: str, identifier: str) -> list[tuple[str, str]]:
        """Return names and types of a relation's columns in their order."""

    def name(self, database: str, schema: str, identifier: str) -> str:
        """Return how SQL names a relation."""

    def quoted(self, name: str) -> str:
        """Return an identifier in quotes."""

    def content(self, sql: str) -> str:
        """Return a value of all rows of a query."""


class GenericWarehouse(Warehouse):
    """Queries an adapter of dbt; `warehouse/interface.py` says what each answer means."""

    def __init__(self, kind: str, credentials: Mapping[str, Any], questions: Questions) -> None:
        """Ask nothing yet: the adapter is there when dbt has read the project."""
        self._kind = kind
        self._credentials = credentials
        self._questions = questions

    @property
    def capabilities(self) -> Capabilities:
        """Return what every adapter tells."""
        return GENERIC

    def close(self) -> None:
        """Nothing is held: connections are dbt's."""

    def shares(self, connection: object) -> bool:
        """Return that the state is kept elsewhere."""
        return False

    def server_identity(self) -> tuple[str, str]:
        """Return the type, and a hash of all keys of the profile that say where to connect."""
        where = {name: value for name, value in self._credentials.items() if not _NOT_WHERE.search(str(name))}
        text = _SECRET_IN_AN_ADDRESS.sub("", json.dumps(where, sort_keys=True, default=str))
        return self._kind, f"{self._kind}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        """Return which relations there are in these schemas, with the columns of those that were asked about."""
        wanted = [name for name in dict.fromkeys(relations) if name.schema and name.identifier]
        listed = self._identities({(name.database, name.schema) for name in wanted})
        asked = {_key(name) for name in wanted}
        # dbt lists names as the server stores them, which may be in another case than the project has them. What is
        # asked for by its own name is nobody else's.
        folded = {_folded(key): identity for key, identity in reversed(listed.items()) if key not in asked}
        answers = {name: listed.get(_key(name)) or folded.get(_folded(_key(name))) for name in wanted}
        found = {name: identity for name, identity in answers.items() if identity is not None}
        return Catalog(identities=found, columns={name: self._columns_document(name) for name in found})

    def _identities(self, places: set[tuple[str, str]]) -> dict[_Key, Identity]:
        found: dict[_Key, Identity] = {}
        for database, schema in sorted(places):
            for identifier, kind in self._questions.relations(database, schema):
                known = _KINDS.get(kind, RelationKind.TABLE)
                # A table that was replaced cannot be told from the one before.
                found[database, schema, identifier] = Identity(object_id=known.name, storage_id=known.name, kind=known)
        return found

    def _columns_document(self, name: RelationName) -> str:
        return json.dumps(self._columns(name), ensure_ascii=False)

    def _columns(self, name: RelationName) -> list[tuple[str, str]]:
        return self._questions.columns(name.database, name.schema, name.identifier)

    def identity_sql(self, connection: object) -> str | None:
        """Return None: the state is kept elsewhere."""
        return None

    def present(self, relation: RelationName) -> Present | None:
        """Return what one relation is now."""
        catalog = self.catalog([relation])
        identity = catalog.identities.get(relation)
        return Present(identity=identity, columns=catalog.columns[relation]) if identity is not None else None

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return nothing: it is unknown."""
        return {}

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return nothing: it is unknown."""
        return {}

    def has_counted_writes(self, of_dbt: Any) -> bool:
        """Return True: nothing is counted."""
        return True

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        """Return the columns; whether rows changed is unknown, so readers are built, unless the config helps."""
        wanted = tuple(sources)
        catalog = self.catalog(wanted)
        return {name: self._metadata(name, catalog) for name in wanted}

    def _metadata(self, name: RelationName, catalog: Catalog) -> SourceMetadata:
        identity = catalog.identities.get(name)
        if identity is None:
            return SourceMetadata(columns={}, touched="?absent")
        is_table = identity.kind is RelationKind.TABLE
        return SourceMetadata(columns=dict(json.loads(catalog.columns[name])), touched="?untold", is_table=is_table)

    def content(self, relation: RelationName, columns: Iterable[str]) -> str:
        """Return a value of all rows, which are read through dbt's connection."""
        names = ", ".join(self._questions.quoted(column) for column in columns) or "1"
        try:
            return self._questions.content(f"SELECT {names} FROM {self._name(relation)}")  # noqa: S608 - quoted names
        except StateError:
            return "?error"

    def _name(self, relation: RelationName) -> str:
        return self._questions.name(relation.database, relation.schema, relation.identifier)

    def content_of_build(self, relation: RelationName) -> str:
        """Return a value of all columns and rows."""
        columns = self._columns(relation)
        content = self.content(relation, [name for name, _ in columns])
        return "" if content.startswith("?") else f"{value_hash(columns)}-{content}"

    def answer(self, source: str, relation: RelationName, query: str) -> str:
        """Return a hash of the answer to the user's own query, in which `{source}` stands for the relation."""
        return self._questions.content(query.replace("{source}", self._name(relation)))

    def newest_row(self, source: str, relation: RelationName, loaded_at: str) -> str:
        """Return a hash of the number of rows and their newest time."""
        return self._questions.content(f"SELECT count(*), max({loaded_at}) FROM {self._name(relation)}")  # noqa: S608

    def change_evidence(self, schemas: Iterable[str]) -> str | None:
        """Return None: a plan has to look."""
        return None

    def calls_in(self, statement: str) -> Calls:
        """Return what a statement may call."""
        from dbt_state_plugin.warehouse.generic import functions

        return functions.calls_in(statement)

    def volatile_names(self, calls: Calls, functions: Iterable[Function]) -> tuple[str, ...]:
        """Return those calls that are not known to give the same answer each time."""
        from dbt_state_plugin.warehouse.generic import functions as known

        return known.volatile_names(calls)

    def functions(self, names: Iterable[str]) -> tuple[Function, ...]:
        """Return nothing: names have to do."""
        return ()

    def function_bodies(self, name: str) -> tuple[FunctionBody, ...]:
        """Return a body that cannot be looked into."""
        return (FunctionBody(volatility="v", language="unknown", text=""),)

    def view_definitions(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[str, ...]]:
        """Return nothing: it is unknown."""
        return {}

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Any]:
        """Return the columns of those that are there."""
        wanted = tuple(relations)
        found = self.catalog(wanted).columns
        return {
            (name.schema, name.identifier): numbered_columns(dict(json.loads(found[name])))
            for name in wanted
            if name in found
        }

    def describe(self, query: str, *, of_dbt: Any) -> Any:
        """Refuse: nothing is adopted."""
        raise QueryRefused("this warehouse cannot be asked for the columns of a query", is_certain=False)

    def count_rows(self, relation: RelationName) -> int:
        """Refuse: nothing is adopted."""
        raise QueryRefused("this warehouse cannot be asked for the number of rows", is_certain=False)

    def drop_checks(self, relations: Iterable[RelationName]) -> Mapping[RelationName, DropCheck]:
        """Return which relation has each of these names now; nothing is dropped."""
        from dbt_state_plugin.core.values.orphans import DropCheck

        catalog = self.catalog(relations)
        return {name: DropCheck(identity=identity, may_drop=False) for name, identity in catalog.identities.items()}

    def look_over(self, schema: str) -> tuple[Finding, ...]:
        """Return that nobody asked: dbt alone connects to it, when it has read the project."""
        from dbt_state_plugin.core.values.findings import Finding, Severity

        what = f"{self._kind} is asked through dbt, so whether it can be reached was not looked at"
        return (Finding(check="warehouse", severity=Severity.NOTE, what=what, do="Run `dbt debug`."),)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Nothing is dropped here."""
        yield None

    def drop(self, relation: RelationName, identity: Identity) -> None:
        """Refuse: what would go along is not known."""
        raise DropRefused("dbt-state-plugin does not drop relations in this warehouse")


def _key(name: RelationName) -> _Key:
    return name.database, name.schema, name.identifier


def _folded(key: _Key) -> _Key:
    database, schema, identifier = key
    return database, schema, identifier.lower()
