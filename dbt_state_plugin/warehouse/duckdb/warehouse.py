"""DuckDB's implementation of the warehouse protocol.

A relation is what it holds: a table its rows and columns, a view its text. The file itself shows exactly whether it was
written (`file_version.py`); only then are rows read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
from dbt_state_plugin.errors import ConfigurationError
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
from dbt_state_plugin.warehouse.duckdb.connection import DuckDBFile, first_line
from dbt_state_plugin.warehouse.duckdb.files import SCHEMA as FILES
from dbt_state_plugin.warehouse.duckdb.files import file_metadata
from dbt_state_plugin.warehouse.duckdb.kept_contents import KeptContents
from dbt_state_plugin.warehouse.duckdb.search_path import search_path
from dbt_state_plugin.warehouse.duckdb.session_settings import given_settings, session_settings
from dbt_state_plugin.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.capabilities import Capabilities
    from dbt_state_plugin.core.values.findings import Finding
    from dbt_state_plugin.core.values.orphans import DropCheck
    from dbt_state_plugin.core.values.reads import Question
    from dbt_state_plugin.warehouse.duckdb.catalog import Held

_LOG = logging.getLogger(__name__)
_CATALOG = "Cannot read the catalogue of DuckDB"
_ROWS = "Cannot read the rows of DuckDB"
EMPTY = '[["server", "", "duckdb"]]'  # the shape of what has nothing beside rows and columns
_MOST_ROWS = 1000  # of an answer to the user's own query


class DuckDBWarehouse(Warehouse):
    """Queries one file; `warehouse/interface.py` says what each answer means."""

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        """Open nothing; raises ConfigurationError for what is no file."""
        self.file = DuckDBFile(credentials)
        self._database = self.file.database
        self._version: str | None = None
        self._relations: dict[RelationName, Held] = {}
        self._contents: dict[RelationName, str] = {}
        self._kept = KeptContents(self.file)
        self._credentials = credentials
        self._path = search_path(credentials, self._database)

    @property
    def capabilities(self) -> Capabilities:
        """Return what a file tells."""
        from dbt_state_plugin.warehouse.capabilities import DUCKDB

        return DUCKDB

    def close(self) -> None:
        """Release the file; between two queries it is held only while dbt writes."""
        self._kept.settle(None)

    @property
    def kept_contents(self) -> KeptContents:
        """Return what was read of tables while dbt did not write."""
        return self._kept

    def shares(self, connection: object) -> bool:
        """Return that the state is kept elsewhere."""
        return False

    def server_identity(self) -> tuple[str, str]:
        """Return the database's name and the path of its file."""
        return self._database, f"duckdb:{self.file.path}"

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        """Return which of these relations exist; their tables are read if the file was written."""
        from dbt_state_plugin.warehouse.duckdb.shape import read_shapes

        wanted = set(relations)
        with self.file.cursor(_ROWS) as cursor:
            held = self._held(cursor)
            touched = {name: self._touched(cursor, held[name]) for name in wanted if name in held}
            shapes = read_shapes(cursor)
        return Catalog(
            identities={name: each.identity for name, each in held.items()},
            columns={name: held[name].columns_document for name in wanted if name in held},
            touched={name: value for name, value in touched.items() if value},
            shapes={name: shapes.get(name, EMPTY) for name in wanted if name in held},
        )

    def _read(self) -> dict[RelationName, Held]:
        """Return all relations; the file is not opened where nobody wrote since they were read."""
        if self._is_as_read(self.file.version()):
            return self._relations
        with self.file.cursor(_CATALOG) as cursor:
            return self._held(cursor)

    def _is_as_read(self, version: str | None) -> bool:
        return version is not None and version == self._version

    def _held(self, cursor: Any) -> dict[RelationName, Held]:
        """Return all relations, as they were read before where nobody wrote since."""
        from dbt_state_plugin.warehouse.duckdb.catalog import read_relations

        version = self.file.version()
        if not self._is_as_read(version):
            self._contents = self._kept.at(version)
            self._relations = read_relations(cursor)
            self._version = version
        return self._relations

    def _touched(self, cursor: Any, held: Held) -> str:
        """Return the content of a table, and the state of the files that a view alone stands for; else nothing."""
        from dbt_state_plugin.warehouse.duckdb.named_relations import files_of_view

        if not held.is_view:
            return self._rows_of(cursor, held)
        states = [file_metadata(path).touched for path in files_of_view(held)]
        return value_hash(states) if states else ""

    def _content(self, cursor: Any, held: Held) -> str:
        """Return the content of a table; nothing of a view, which holds none."""
        return "" if held.is_view else self._rows_of(cursor, held)

    def _rows_of(self, cursor: Any, held: Held) -> str:
        from dbt_state_plugin.warehouse.duckdb.content import content_of

        if held.name not in self._contents:
            _LOG.debug("Reading all rows of %s (about %d).", held.name, held.rows)
            self._contents[held.name] = content_of(cursor, held.quoted, held.columns)
            if not held.is_view:
                self._kept.add(self._version, held.name, self._contents[held.name])
        return self._contents[held.name]

    def session_settings(self, of_dbt: Any) -> Mapping[str, str]:
        """Return what profile and environment set for dbt's sessions."""
        return session_settings(self._credentials)

    def identity_sql(self, connection: object) -> str | None:
        """Return None: the state is kept elsewhere."""
        return None

    def present(self, relation: RelationName) -> Present | None:
        """Return what one relation is now; its rows are not read."""
        from dbt_state_plugin.warehouse.duckdb.shape import read_shapes

        with self.file.cursor(_CATALOG) as cursor:
            held = self._held(cursor).get(relation)
            shape = read_shapes(cursor).get(relation, EMPTY)
        return Present(identity=held.identity, columns=held.columns_document, shape=shape) if held else None

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return indexes, constraints and comments of each relation."""
        from dbt_state_plugin.warehouse.duckdb.shape import read_shapes

        with self.file.cursor(_CATALOG) as cursor:
            held = self._held(cursor)
            found = read_shapes(cursor)
        return {name: (held[name].identity, found.get(name, EMPTY)) for name in relations if name in held}

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return the identity and the content of each table."""
        catalog = self.catalog(relations)
        return {name: (catalog.identities[name], value) for name, value in catalog.touched.items()}

    def has_counted_writes(self, of_dbt: Any) -> bool:
        """Return True: what is committed is seen at once."""
        return True

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        """Return columns and content of tables and views, states of files, definitions of macros and types."""
        wanted = tuple(sources)
        found = {name: self._file_metadata(name) for name in wanted if name.schema == FILES}
        if len(found) < len(wanted):
            with self.file.cursor(_ROWS) as cursor:
                found |= {name: self._metadata(cursor, name) for name in wanted if name.schema != FILES}
        return found

    def _metadata(self, cursor: Any, name: RelationName) -> SourceMetadata:
        from dbt_state_plugin.warehouse.duckdb.named_relations import shows_catalogue

        relations = self._held(cursor)
        held = relations.get(name) or relations.get(_in_attached(name))
        if name.identifier.endswith(")"):
            return self._metadata_of_definition(cursor, name)
        if held is None:
            return SourceMetadata(columns={}, touched="?catalogue" if _is_catalogue(name) else "?absent")
        if held.is_view and shows_catalogue(held, relations):  # what this run builds is shown, too
            return SourceMetadata(columns=dict(held.columns), touched="?catalogue")
        import duckdb

        try:
            touched = self._rows_of(cursor, held)
        except duckdb.Error:  # a view on what is gone, perhaps
            touched = "?unreadable"
        # What a view gives may have changed though nobody wrote: it may read files, or the clock.
        if held.is_view:
            self._contents.pop(held.name, None)
        return SourceMetadata(columns=dict(held.columns), touched=touched, is_table=not held.is_view, rows=held.rows)

    def _metadata_of_definition(self, cursor: Any, name: RelationName) -> SourceMetadata:
        from dbt_state_plugin.core.versions.source_version import DEFINITION
        from dbt_state_plugin.warehouse.duckdb.catalog import definition_of

        found = definition_of(cursor, name.schema, name.identifier.partition("(")[0])
        return SourceMetadata(columns={}, touched="?absent" if found is None else DEFINITION + found)

    def files_of(self, relations: Iterable[RelationName]) -> tuple[RelationName, ...]:
        """Return the files that views alone stand for, as materialization `external` leaves them."""
        from dbt_state_plugin.warehouse.duckdb.named_relations import files_of_view

        held = self._read()
        views = (held[name] for name in relations if name in held and held[name].is_view)
        paths = {path for view in views for path in files_of_view(view)}
        return tuple(RelationName(database="", schema=FILES, identifier=path) for path in sorted(paths))

    def source_evidence(self, sources: Iterable[RelationName]) -> Any:
        """Return the states of files; whatever lies in the database its own version tells."""
        return [[str(name), self._file_metadata(name).touched] for name in sorted(sources) if name.schema == FILES]

    def _file_metadata(self, name: RelationName) -> SourceMetadata:
        return file_metadata(name.identifier, [setting for setting, _ in given_settings(self._credentials)])

    def content(self, relation: RelationName, columns: Iterable[str]) -> str:
        """Return a value of all rows, in one scan."""
        import duckdb

        from dbt_state_plugin.warehouse.duckdb.content import content_of

        if relation.schema == FILES:
            return "?error"
        with self.file.cursor(_ROWS) as cursor:
            held = self._held(cursor).get(relation)
            if held is None:
                return "?absent"
            try:
                _LOG.debug("Reading all rows of %s (about %d).", held.name, held.rows)
                return content_of(cursor, held.quoted, held.columns, columns)
            except duckdb.Error:
                return "?error"

    def content_of_build(self, relation: RelationName) -> str:
        """Return a value of all columns and rows."""
        with self.file.cursor(_ROWS) as cursor:
            held = self._held(cursor).get(relation)
            return f"{value_hash(held.columns_document)}-{self._content(cursor, held)}" if held else ""

    def answer(self, source: str, relation: RelationName, query: str) -> str:
        """Return a hash of the answer to the user's own query, in which `{source}` stands for the relation."""
        rows = self._asked(f"The query of {source}", query.replace("{source}", _in_sql(relation)))
        if len(rows) > _MOST_ROWS:
            raise ConfigurationError(
                f"The query of {source} gives more than {_MOST_ROWS} rows.",
                "Write one that gives a few, such as a count.",
            )
        return value_hash(rows)

    def newest_row(self, source: str, relation: RelationName, loaded_at: str) -> str:
        """Return a hash of the number of rows and their newest time."""
        what = f"The loaded_at_field of {source}"
        return value_hash(self._asked(what, f"SELECT count(*), max({loaded_at}) FROM {_in_sql(relation)}"))  # noqa: S608

    def _asked(self, what: str, query: str) -> list[tuple[Any, ...]]:
        import duckdb

        with self.file.cursor(_ROWS) as cursor:
            try:
                cursor.execute(query)
                return list(cursor.fetchmany(_MOST_ROWS + 1))
            except duckdb.Error as error:
                raise ConfigurationError(
                    f"{what} cannot be answered: {first_line(error)}.", "Fix it in the project."
                ) from error

    def named_relations(self, query: str, *, of_dbt: Any) -> tuple[tuple[str, str], ...] | None:
        """Return the tables, files and macros of users that a query names."""
        from dbt_state_plugin.warehouse.duckdb.named_relations import named_relations

        with self.file.cursor(_CATALOG) as cursor:
            return named_relations(cursor, query, self._held(cursor), self._path)

    def ask(self, questions: Iterable[Question], *, of_dbt: Any) -> Mapping[Question, Question]:
        """Return each question with today's answer; a query is asked where dbt's session is one like any other."""
        from dbt_state_plugin.warehouse.duckdb.questions import query_answered, relations_answered

        found: dict[Question, Question] = {}
        with self.file.cursor(_CATALOG) as cursor:
            held = self._held(cursor).values()
            for each in tuple(questions):
                if not each.sql:
                    found[each] = relations_answered(each, held, self._database)
                elif self.file.has_plain_sessions:
                    found[each] = query_answered(cursor, each)
                else:
                    found[each] = replace(each, answer="", problem="error")
        return found

    def change_evidence(self, schemas: Iterable[str]) -> str | None:
        """Return the version of the file; nothing is opened."""
        return self.file.version()

    def calls_in(self, statement: str) -> Calls:
        """Return what a statement may call."""
        from dbt_state_plugin.warehouse.duckdb import functions

        return functions.calls_in(statement)

    def volatile_names(self, calls: Calls, functions: Iterable[Function]) -> tuple[str, ...]:
        """Return those calls that may give another answer on every run."""
        from dbt_state_plugin.warehouse.duckdb import functions as known

        return known.volatile_names(calls, functions)

    def functions(self, names: Iterable[str]) -> tuple[Function, ...]:
        """Return all functions of these names."""
        from dbt_state_plugin.warehouse.duckdb.functions import read_functions

        with self.file.cursor("Cannot read the functions of DuckDB") as cursor:
            return read_functions(cursor, names, has_plugins=bool(self._credentials.get("plugins")))

    def function_bodies(self, name: str) -> tuple[FunctionBody, ...]:
        """Return the text of the macro of this name."""
        with self.file.cursor("Cannot read the functions of DuckDB") as cursor:
            cursor.execute(
                "SELECT function_type, macro_definition FROM duckdb_functions() "
                "WHERE NOT internal AND lower(function_name) = ? AND macro_definition IS NOT NULL",
                [name],
            )
            return tuple(
                FunctionBody(volatility="s", language="sql", text=text if kind == "table_macro" else f"SELECT {text}")
                for kind, text in cursor.fetchall()
            )

    def view_definitions(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[str, ...]]:
        """Return the SQL of views and of the views below."""
        from dbt_state_plugin.warehouse.duckdb.named_relations import texts_of_view

        held = self._read()
        return {name: texts_of_view(held[name], held) for name in relations if name in held and held[name].is_view}

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Hold the file; other processes cannot open it meanwhile."""
        with self.file.kept_open(_CATALOG):
            yield

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Any]:
        """Return the columns of each relation."""
        held = self._read()
        return {
            (each.schema, each.identifier): numbered_columns(held[each].columns) for each in relations if each in held
        }

    def describe(self, query: str, *, of_dbt: Any) -> Any:
        """Return the columns that a query would give."""
        rows = self._refusable(f"DESCRIBE SELECT * FROM (\n{query}\n) LIMIT 0")  # noqa: S608 - the project's own
        return numbered_columns({str(row[0]): str(row[1]) for row in rows})

    def count_rows(self, relation: RelationName) -> int:
        """Return how many rows a relation has."""
        return int(self._refusable(f"SELECT count(*) FROM {relation}")[0][0])  # noqa: S608 - the name is quoted

    def _refusable(self, query: str) -> list[tuple[Any, ...]]:
        import duckdb

        with self.file.cursor(_ROWS) as cursor:
            try:
                cursor.execute(query)
                return list(cursor.fetchall())
            except duckdb.Error as error:
                is_certain = isinstance(
                    error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
                )
                raise QueryRefused(first_line(error), is_certain=is_certain) from error

    def drop_checks(self, relations: Iterable[RelationName]) -> Mapping[RelationName, DropCheck]:
        """Return which relation has each of these names now; nothing is dropped yet."""
        from dbt_state_plugin.core.values.orphans import DropCheck

        held = self._read()
        return {name: DropCheck(identity=held[name].identity, may_drop=False) for name in relations if name in held}

    def look_over(self, schema: str) -> tuple[Finding, ...]:
        """Return whether the file can be opened."""
        from dbt_state_plugin.core.values.findings import Finding, Severity

        if not self.file.has_folder:
            what = f"The folder of {self.file.path} does not exist, and DuckDB creates files only."
            return (Finding(check="warehouse", severity=Severity.ERROR, what=what, do="Create the folder."),)
        with self.file.cursor(_CATALOG) as cursor:
            cursor.execute("SELECT version()")
            version = cursor.fetchall()[0][0]
        there = f"{self.file.path} may be read" if self.file.exists else f"{self.file.path} is created by the first run"
        return (Finding(check="warehouse", severity=Severity.OK, what=f"DuckDB {version}: {there}"),)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Nothing is open between two questions: each drop is a transaction."""
        yield None

    def drop(self, relation: RelationName, identity: Identity) -> None:
        """Drop exactly the relation of this identity."""
        raise DropRefused("dbt-state-plugin does not drop relations in DuckDB yet")


def _in_attached(name: RelationName) -> RelationName:
    """Return a relation that SQL names in an attached database, whose name stands before that of the schema."""
    database, _, schema = name.schema.partition(".")
    return replace(name, database=database, schema=schema)


def _in_sql(relation: RelationName) -> str:
    """Return how SQL names a relation, or what stands for it: a path, or the call that reads several."""
    if relation.schema != FILES:
        return str(relation)
    place = relation.identifier
    return place if place.endswith(")") else "'" + place.replace("'", "''") + "'"


def _is_catalogue(name: RelationName) -> bool:
    from dbt_state_plugin.warehouse.duckdb.statement import SYSTEM, views_of_duckdb

    place = name if name.database == SYSTEM else _in_attached(name)
    return place.database == SYSTEM and (place.schema, place.identifier) in views_of_duckdb()
