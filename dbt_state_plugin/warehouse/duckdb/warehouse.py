"""DuckDB's implementation of the warehouse protocol.

A relation is what it holds: a table its rows and columns, a view its text. The file itself shows exactly whether it was
written (`file_version.py`); only then are rows read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
from dbt_state_plugin.warehouse.duckdb.as_read import AsRead
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
        self._as_read = AsRead()
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

    def check_writable(self) -> None:
        """Raise BusyError where another process has the file, also one that only reads it."""
        self.file.check_writable()

    def shares(self, connection: object) -> bool:
        """Return that the state is kept elsewhere."""
        return False

    def server_identity(self) -> tuple[str, str]:
        """Return the database's name and the path of its file."""
        return self._database, f"duckdb:{self.file.path}"

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        """Return which of these relations exist; their tables are read if the file was written."""
        wanted = set(relations)
        with self._looked(_ROWS, self._knows_content, wanted) as (found, cursor):
            held = found.relations
            touched = {name: self._touched(cursor, found, held[name]) for name in wanted if name in held}
            shapes = _shapes(cursor, found)
        return Catalog(
            identities={name: each.identity for name, each in held.items()},
            columns={name: held[name].columns_document for name in wanted if name in held},
            touched={name: value for name, value in touched.items() if value},
            shapes={name: shapes.get(name, EMPTY) for name in wanted if name in held},
        )

    @contextmanager
    def _looked(
        self,
        what: str,
        knows: Callable[[AsRead, RelationName], bool] = lambda *_: True,
        wanted: Collection[RelationName] = (),
    ) -> Iterator[tuple[AsRead, Any]]:
        """Yield what there is and a cursor, which is None where all that is wanted is known."""
        known = self._known()
        if known is not None and all(knows(known, name) for name in wanted):
            yield known, None
            return
        with self.file.cursor(what) as cursor:
            yield self._read(cursor), cursor

    def _known(self) -> AsRead | None:
        """Return what stands for the file unopened: nobody wrote since it was read, or there is none; else None."""
        version, known = self.file.version(), self._as_read
        if self.file.is_shared:
            return None
        if self.file.is_all_absent:
            self.file.check_library()
            return AsRead(shapes={})
        return known if known.is_of(version, stands_for_the_file=True) else None

    def _held(self) -> Mapping[RelationName, Held]:
        """Return all relations; the file is not opened where nobody wrote since they were read."""
        with self._looked(_CATALOG) as (found, _):
            return found.relations

    def _read(self, cursor: Any) -> AsRead:
        """Return what there is, as it was read before where nobody wrote since.

        What dbt's connection shows may be of a later version, so it never stands for the file.
        """
        from dbt_state_plugin.warehouse.duckdb.catalog import read_relations
        from dbt_state_plugin.warehouse.duckdb.shape import read_shapes

        version, beside_dbt = self.file.version(), self.file.is_beside_dbt
        is_locked = version is not None and version == self.file.opened
        if not is_locked and not beside_dbt:
            version = None  # another file took its place while it was opened, say
        if not self._as_read.is_of(version, stands_for_the_file=is_locked):
            self._as_read = AsRead(
                version=version,
                relations=read_relations(cursor),
                shapes=read_shapes(cursor) if is_locked else None,
            )
        return self._as_read

    def _knows_content(self, found: AsRead, name: RelationName) -> bool:
        """Return whether no row has to be read for the content of a relation: a view has none of its own."""
        held = found.relations.get(name)
        return held is None or held.is_view or self._known_content(found, held) is not None

    def _known_content(self, found: AsRead, held: Held) -> str | None:
        content = found.contents.get(held.name)
        return content if content is not None else self._kept.content(found.version, held.name)

    def _touched(self, cursor: Any, found: AsRead, held: Held) -> str:
        """Return the content of a table, and the state of the files that a view alone stands for; else nothing."""
        from dbt_state_plugin.warehouse.duckdb.named_relations import files_of_view

        if not held.is_view:
            return self._rows_of(cursor, found, held)
        states = [file_metadata(path).touched for path in files_of_view(held)]
        return value_hash(states) if states else ""

    def _rows_of(self, cursor: Any, found: AsRead, held: Held) -> str:
        """Return the content of a table; of a view it is read each time: it may read files, or the clock."""
        from dbt_state_plugin.warehouse.duckdb.content import content_of

        known = None if held.is_view else self._known_content(found, held)
        if known is not None:
            return known
        _LOG.debug("Reading all rows of %s (about %d).", held.name, held.rows)
        content = content_of(cursor, held.quoted, held.columns)
        if not held.is_view:
            found.contents[held.name] = content
            self._kept.add(found.version, held.name, content)
        return content

    def session_settings(self, of_dbt: Any) -> Mapping[str, str]:
        """Return what profile and environment set for dbt's sessions."""
        return session_settings(self._credentials)

    def identity_sql(self, connection: object) -> str | None:
        """Return None: the state is kept elsewhere."""
        return None

    def present(self, relation: RelationName) -> Present | None:
        """Return what one relation is now; its rows are not read."""
        with self._looked(_CATALOG) as (found, cursor):
            held = found.relations.get(relation)
            shape = _shapes(cursor, found).get(relation, EMPTY)
        return Present(identity=held.identity, columns=held.columns_document, shape=shape) if held else None

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return indexes, constraints and comments of each relation; nothing if the file is another than at first."""
        if self.file.is_another:
            return {}
        with self._looked(_CATALOG) as (found, cursor):
            held, shapes = found.relations, _shapes(cursor, found)
        return {name: (held[name].identity, shapes.get(name, EMPTY)) for name in relations if name in held}

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return the identity and the content of each table; nothing if the file is another than at first."""
        if self.file.is_another:
            return {}
        catalog = self.catalog(relations)
        return {name: (catalog.identities[name], value) for name, value in catalog.touched.items()}

    def has_counted_writes(self, of_dbt: Any) -> bool:
        """Return True: what is committed is seen at once."""
        return True

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        """Return columns and content of tables and views, states of files, definitions of macros and types."""
        wanted = tuple(sources)
        metadata = {name: self._file_metadata(name) for name in wanted if name.schema == FILES}
        others = [name for name in wanted if name.schema != FILES]
        if others:
            with self._looked(_ROWS, self._knows_metadata, others) as (found, cursor):
                metadata |= {name: self._metadata(cursor, found, name) for name in others}
        return metadata

    def _knows_metadata(self, found: AsRead, name: RelationName) -> bool:
        """Return whether nothing has to be asked about a source: it is not there, or a table whose rows were read."""
        held = _of_source(found, name)
        is_known = held is None or (not held.is_view and self._known_content(found, held) is not None)
        return is_known and not _is_definition(name)

    def _metadata(self, cursor: Any, found: AsRead, name: RelationName) -> SourceMetadata:
        from dbt_state_plugin.warehouse.duckdb.named_relations import shows_catalogue

        if _is_definition(name):
            return self._metadata_of_definition(cursor, name)
        held = _of_source(found, name)
        if held is None:
            return SourceMetadata(columns={}, touched="?catalogue" if _is_catalogue(name) else "?absent")
        if held.is_view and shows_catalogue(held, found.relations):  # what this run builds is shown, too
            return SourceMetadata(columns=dict(held.columns), touched="?catalogue")
        import duckdb

        try:
            touched = self._rows_of(cursor, found, held)
        except duckdb.Error:  # a view on what is gone, perhaps
            touched = "?unreadable"
        return SourceMetadata(columns=dict(held.columns), touched=touched, is_table=not held.is_view, rows=held.rows)

    def _metadata_of_definition(self, cursor: Any, name: RelationName) -> SourceMetadata:
        from dbt_state_plugin.core.versions.source_version import DEFINITION
        from dbt_state_plugin.warehouse.duckdb.catalog import definition_of

        found = definition_of(cursor, name.schema, name.identifier.partition("(")[0])
        return SourceMetadata(columns={}, touched="?absent" if found is None else DEFINITION + found)

    def files_of(self, relations: Iterable[RelationName]) -> tuple[RelationName, ...]:
        """Return the files that views alone stand for, as materialization `external` leaves them."""
        from dbt_state_plugin.warehouse.duckdb.named_relations import files_of_view

        held = self._held()
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
            held = self._read(cursor).relations.get(relation)
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
            found = self._read(cursor)
            held = found.relations.get(relation)
            if held is None:
                return ""
            content = "" if held.is_view else self._rows_of(cursor, found, held)
            return f"{value_hash(held.columns_document)}-{content}"

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
            return named_relations(cursor, query, self._read(cursor).relations, self._path)

    def ask(self, questions: Iterable[Question], *, of_dbt: Any) -> Mapping[Question, Question]:
        """Return each question with today's answer; a query is asked where dbt's session is one like any other."""
        from dbt_state_plugin.warehouse.duckdb.questions import query_answered, relations_answered

        found: dict[Question, Question] = {}
        with self.file.cursor(_CATALOG) as cursor:
            held = self._read(cursor).relations.values()
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

        held = self._held()
        return {name: texts_of_view(held[name], held) for name in relations if name in held and held[name].is_view}

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Hold the file from the first question that it has to be opened for; other processes cannot open it then."""
        with self.file.kept_open():
            yield

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Any]:
        """Return the columns of each relation."""
        held = self._held()
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

        held = self._held()
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


def _shapes(cursor: Any, found: AsRead) -> Mapping[RelationName, str]:
    from dbt_state_plugin.warehouse.duckdb.shape import read_shapes

    return found.shapes if found.shapes is not None else read_shapes(cursor)


def _is_definition(name: RelationName) -> bool:
    """Return whether a name is that of macros or types, such as `rate()`."""
    return name.identifier.endswith(")")


def _of_source(found: AsRead, name: RelationName) -> Held | None:
    return found.relations.get(name) or found.relations.get(_in_attached(name))


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
