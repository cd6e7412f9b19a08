"""Schemas in which DuckDB looks for a name without one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB

_DEFAULT = "main"
_ENTRY = re.compile(r'(?:"(?:[^"]|"")*"|[^,"])+')
_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPath:
    """The own database, and the entries that a profile sets, each a schema, a database, or both."""

    database: str
    entries: tuple[tuple[str, ...], ...] = ()

    def candidates(self, parts: tuple[str, ...], held: Collection[RelationName]) -> list[RelationName]:
        """Return what a name of one to three parts may mean, in DuckDB's order, whether it is among `held` or not."""
        if len(parts) == 3:
            return [relation_name(*parts)]
        places = self._places(held)
        if len(parts) == 1:
            return [relation_name(*place, parts[0]) for place in places]
        databases = dict.fromkeys(database for database, _ in places)
        own = DUCKDB.stored_name(parts[0], parts[0])
        schemas = [*(schema for database, schema in places if database == own), _DEFAULT]
        return [
            *(relation_name(each, *parts) for each in databases),
            *(relation_name(own, schema, parts[1]) for schema in schemas),
        ]

    def _places(self, held: Collection[RelationName]) -> list[tuple[str, str]]:
        """Return database and schema of each entry, and the schema that always comes last.

        One word names a database only where there is no such schema in the own one.
        """
        if not self.entries:
            return [(self.database, _DEFAULT)]
        schemas = {each.schema for each in held if each.database == self.database} | {_DEFAULT}
        places = []
        for entry in self.entries:
            is_schema = len(entry) == 1 and (entry[0] in schemas or all(each.database != entry[0] for each in held))
            places.append((self.database, entry[0]) if is_schema else (entry[0], (*entry, _DEFAULT)[1]))
        return [*places, (places[0][0], _DEFAULT)]


def search_path(credentials: Mapping[str, Any], database: str) -> SearchPath:
    """Return the search path of dbt's sessions, as the last of the profile's settings says."""
    text = ""
    for key in ("config_options", "settings"):
        for name, value in dict(credentials.get(key) or {}).items():
            if str(name).strip().lower() in ("search_path", "schema"):
                text = str(value)
    entries = (_parts(entry) for entry in _ENTRY.findall(text))
    return SearchPath(database=database, entries=tuple(entry for entry in entries if entry))


def _parts(entry: str) -> tuple[str, ...]:
    parts = (quoted.replace('""', '"') or word for quoted, word in _PART.findall(entry.strip()))
    return tuple(DUCKDB.stored_name(part, part) for part in parts)


def relation_name(database: str, schema: str, identifier: str) -> RelationName:
    """Return a name as the core compares it."""
    parts = (DUCKDB.stored_name(part, part) for part in (database, schema, identifier))
    return RelationName(**dict(zip(("database", "schema", "identifier"), parts, strict=True)))
