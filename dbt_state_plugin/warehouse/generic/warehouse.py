"""Any other warehouse, by what dbt's adapters have in common.

That is which relations exist and which columns they have. What such a warehouse cannot tell is declared in
`warehouse/capabilities.py` and said in each plan.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from dbt_state_plugin.core.values.capabilities import Capabilities
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind, RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.warehouse.answers import (
    Calls,
    DropRefused,
    Function,
    FunctionBody,
    LastModified,
    NoLastModified,
    Present,
    QueryRefused,
    SourceMetadata,
    numbered_columns,
    value_hash,
)
from dbt_state_plugin.warehouse.capabilities import GENERIC
from dbt_state_plugin.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from datetime import datetime

    from dbt_state_plugin.core.values.findings import Finding
    from dbt_state_plugin.core.values.orphans import DropCheck

_Key = tuple[str, str, str]  # database, schema, identifier
_KINDS = {
    "view": RelationKind.VIEW,
    "materialized_view": RelationKind.MATERIALIZED_VIEW,
    "external": RelationKind.FOREIGN_TABLE,
}
_TABLE = "table"  # dbt's word for what holds its own rows
# What dbt's adapters of these types take for the time of the last change does not move with each write.
_BLIND_CLOCKS = {
    "redshift": "does not move when rows are deleted or a table is truncated",
    **dict.fromkeys(
        ("sqlserver", "fabric", "synapse", "teradata", "materialize"),
        "moves when a table is altered, not when rows are written",
    ),
}
_OTHER_WAYS = "Use loaded_at_field, or data_version query, content or never."
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

    def tells_last_modified(self) -> bool:
        """Return whether the adapter says that it can always tell when a table was last altered."""

    def last_modified(
        self, database: str, tables: Iterable[tuple[str, str]]
    ) -> Mapping[tuple[str, str], tuple[datetime, datetime]]:
        """Return when each of these tables (schema, identifier) was last altered, and when that was looked at.

        What is not known is left out. No two of them differ in letter case alone.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A relation as the server stores it: its name there, and dbt's word for its type.

    `has_twin` says that another relation of the schema differs in letter case alone.
    """

    key: _Key
    kind: str
    has_twin: bool

    @property
    def identity(self) -> Identity:
        known = _KINDS.get(self.kind, RelationKind.TABLE)
        # A table that was replaced cannot be told from the one before.
        return Identity(object_id=known.name, storage_id=known.name, kind=known)


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
        found = {name: each.identity for name, each in self._listed(relations).items()}
        return Catalog(identities=found, columns={name: self._columns_document(name) for name in found})

    def _listed(self, relations: Iterable[RelationName]) -> dict[RelationName, _Listed]:
        """Return what there is of these relations, as the server lists it."""
        wanted = [name for name in dict.fromkeys(relations) if name.schema and name.identifier]
        listed = self._all_in({(name.database, name.schema) for name in wanted})
        asked = {_key(name) for name in wanted}
        # dbt lists names as the server stores them, which may be in another case than the project has them. What is
        # asked for by its own name is nobody else's.
        folded = {_folded(key): each for key, each in reversed(listed.items()) if key not in asked}
        answers = {name: listed.get(_key(name)) or folded.get(_folded(_key(name))) for name in wanted}
        return {name: each for name, each in answers.items() if each is not None}

    def _all_in(self, places: set[tuple[str, str]]) -> dict[_Key, _Listed]:
        found: dict[_Key, _Listed] = {}
        for database, schema in sorted(places):
            kinds = dict(self._questions.relations(database, schema))
            folded = Counter(identifier.lower() for identifier in kinds)
            for identifier, kind in kinds.items():
                key = (database, schema, identifier)
                found[key] = _Listed(key=key, kind=kind, has_twin=folded[identifier.lower()] > 1)
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
        listed = self._listed(wanted)
        return {name: self._metadata(name, listed.get(name)) for name in wanted}

    def _metadata(self, name: RelationName, listed: _Listed | None) -> SourceMetadata:
        if listed is None:
            return SourceMetadata(columns={}, touched="?absent")
        touched = "?unasked" if listed.kind == _TABLE and self.no_last_modified is None else "?untold"
        is_table = listed.identity.kind is RelationKind.TABLE
        return SourceMetadata(columns=dict(self._columns(name)), touched=touched, is_table=is_table)

    @cached_property
    def no_last_modified(self) -> NoLastModified | None:
        """Return why the time of a table's last change is no sign of writes here, None where it is one."""
        said = "data_version is last_modified, and the time of a table's last change"
        if self._kind in _BLIND_CLOCKS:
            return NoLastModified(what=f"{said} {_BLIND_CLOCKS[self._kind]} in {self._kind}", do=_OTHER_WAYS)
        if not self._questions.tells_last_modified():
            return NoLastModified(what=f"{said} is not told by dbt's adapter for {self._kind}", do=_OTHER_WAYS)
        return None

    def last_modified(self, sources: Iterable[RelationName]) -> Mapping[RelationName, LastModified]:
        """Return what dbt's adapter says of each; of what holds no rows of its own it is not asked."""
        listed = self._listed(sources)
        alike = Counter(_alike(each.key) for each in listed.values())  # dbt puts answers to those that are like theirs
        found = {
            name: LastModified(problem=problem)
            for name, each in listed.items()
            if (problem := _unfit(each, is_alone=alike[_alike(each.key)] == 1))
        }
        fit = {name: each for name, each in listed.items() if name not in found}
        for database in sorted({each.key[0] for each in fit.values()}):
            names = {each.key[1:]: name for name, each in fit.items() if each.key[0] == database}
            times = self._questions.last_modified(database, names)
            for place, name in names.items():
                altered, looked_at = times.get(place, (None, None))
                found[name] = LastModified(altered=altered, looked_at=looked_at)
        return found

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


def _unfit(listed: _Listed, *, is_alone: bool) -> str:
    """Return why the time of a relation's last change is no sign of writes, nothing where it is one."""
    if listed.kind != _TABLE:
        return "no-table"
    return "" if is_alone and not listed.has_twin else "twin"


def _alike(key: _Key) -> _Key:
    database, schema, identifier = key
    return database, schema.lower(), identifier.lower()


def _key(name: RelationName) -> _Key:
    return name.database, name.schema, name.identifier


def _folded(key: _Key) -> _Key:
    database, schema, identifier = key
    return database, schema, identifier.lower()
