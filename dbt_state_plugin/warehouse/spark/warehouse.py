"""Spark's implementation of the warehouse protocol.

Tables are known by when they were created, where they lie and which files hold them, views by their text. All of it is
asked through the session that dbt-spark has in this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
from dbt_state_plugin.errors import ConfigurationError, StateError
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
from dbt_state_plugin.warehouse.interface import Warehouse
from dbt_state_plugin.warehouse.spark.session import SparkSessions

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.capabilities import Capabilities
    from dbt_state_plugin.core.values.findings import Finding
    from dbt_state_plugin.core.values.orphans import DropCheck
    from dbt_state_plugin.core.values.reads import Question
    from dbt_state_plugin.warehouse.spark.catalog import Held

_CATALOG = "Cannot read the metastore of Spark"
_FILES = "Cannot list the files of Spark's tables"
_ROWS = "Cannot read the rows of Spark"
_MOST_ROWS = 1000  # of an answer to the user's own query
# Settings of a session that say how fast it is, or where things lie, and not what a statement means.
_NOT_MEANT = (
    "spark.sql.shuffle",
    "spark.sql.adaptive",
    "spark.sql.autoBroadcast",
    "spark.sql.broadcast",
    "spark.sql.warehouse",
    "spark.sql.catalog",
    "spark.sql.extensions",
    "spark.sql.ui",
)


class SparkWarehouse(Warehouse):
    """Queries the session of a profile; `warehouse/interface.py` says what each answer means."""

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        """Start nothing."""
        self.sessions = SparkSessions(credentials)
        self._schemas: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        """Return what the metastore and the files tell."""
        from dbt_state_plugin.warehouse.capabilities import SPARK

        return SPARK

    def close(self) -> None:
        """End the session, so that others can open the metastore; keep what it holds for the next command."""
        if not self.sessions.is_ours:
            return
        from dbt_state_plugin.warehouse.spark.kept_catalogue import write_catalogue

        catalogue = self._catalogue_to_keep() if self.sessions.holds_derby else {}
        self.sessions.close()
        if catalogue:
            write_catalogue(self.sessions.metastore, catalogue)

    def _catalogue_to_keep(self) -> dict[str, tuple[Held, ...]]:
        """Return what is in each schema that was asked about, nothing if that cannot be read."""
        from dbt_state_plugin.warehouse.spark.catalog import read_relations

        try:
            with self.sessions.asking(_CATALOG) as spark:
                return {schema: tuple(read_relations(spark, [schema]).values()) for schema in sorted(self._schemas)}
        except StateError:
            return {}

    def shares(self, connection: object) -> bool:
        """Return that the state is kept elsewhere."""
        return False

    def server_identity(self) -> tuple[str, str]:
        """Return the type, and what names the metastore."""
        return "spark", f"spark:{self.sessions.metastore.place}"

    def session_settings(self, of_dbt: Any) -> Mapping[str, str]:
        """Return the settings of the profile that say what a statement means."""
        return {
            name: value
            for name, value in self.sessions.settings.items()
            if name.startswith("spark.sql.") and not name.startswith(_NOT_MEANT)
        }

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        """Return what is in the schemas of these relations; the files of their tables are listed."""
        wanted = set(relations)
        with self._held(wanted, _FILES) as (held, spark):
            touched = {name: held[name].version(spark) for name in wanted & held.keys() if not held[name].is_view}
        return Catalog(
            identities={name: each.identity for name, each in held.items()},
            columns={name: held[name].columns_document for name in wanted & held.keys()},
            touched=touched,
            shapes={name: held[name].shape for name in wanted & held.keys()},
        )

    @contextmanager
    def _held(
        self, relations: Iterable[RelationName], what: str = _CATALOG
    ) -> Iterator[tuple[dict[RelationName, Held], Any]]:
        """Give all that is in the schemas of these relations, by the names that the project gives to databases.

        With it comes the session, None if what was kept of the catalogue holds.
        """
        wanted = [name for name in relations if name.schema and name.identifier]
        databases = {name.schema: name.database for name in wanted}
        with self._in_schemas(databases, what) as (found, spark):
            named = {
                RelationName(database=databases[each.schema], schema=each.schema, identifier=each.identifier): each
                for each in found
            }
            yield named, spark

    @contextmanager
    def _in_schemas(self, schemas: Iterable[str], what: str) -> Iterator[tuple[list[Held], Any]]:
        from dbt_state_plugin.warehouse.spark.catalog import read_relations

        wanted = set(schemas)
        self._schemas |= wanted
        kept = self._kept(wanted)
        if kept is not None:
            yield kept, None
            return
        with self.sessions.asking(what) as spark:
            yield list(read_relations(spark, wanted).values()), spark

    def _kept(self, schemas: set[str]) -> list[Held] | None:
        """Return what is in these schemas as an earlier command has kept it, None if a session has to be asked."""
        from dbt_state_plugin.warehouse.spark.kept_catalogue import read_catalogue

        if self.sessions.is_open:
            return None
        found = read_catalogue(self.sessions.metastore)
        if found is None or not schemas <= found.keys():
            return None
        return [held for schema in sorted(schemas) for held in found[schema]]

    def _one(self, spark: Any, relation: RelationName) -> Held | None:
        from dbt_state_plugin.warehouse.spark.catalog import read_relation

        return read_relation(spark, relation.schema, relation.identifier)

    def identity_sql(self, connection: object) -> str | None:
        """Return None: the state is kept elsewhere."""
        return None

    def present(self, relation: RelationName) -> Present | None:
        """Return what one relation is now; its files are not listed."""
        self._schemas.add(relation.schema)
        with self.sessions.asking(_CATALOG) as spark:
            held = self._one(spark, relation)
        return Present(identity=held.identity, columns=held.columns_document, shape=held.shape) if held else None

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return the comments of each relation."""
        wanted = set(relations)
        with self._held(wanted) as (held, _):
            pass
        return {name: (held[name].identity, held[name].shape) for name in wanted & held.keys()}

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return the identity and the list of files of each table."""
        catalog = self.catalog(relations)
        return {name: (catalog.identities[name], value) for name, value in catalog.touched.items()}

    def has_counted_writes(self, of_dbt: Any) -> bool:
        """Return True: files are there when a statement has ended."""
        return True

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        """Return columns and files of tables, texts of views with the files below them, files that SQL names."""
        from dbt_state_plugin.warehouse.spark.statement import PATHS

        wanted = tuple(sources)
        paths = [name for name in wanted if name.schema == PATHS]
        with self._held([name for name in wanted if name.schema != PATHS], _FILES) as (held, spark):
            found = {name: _metadata(held.get(name), spark) for name in wanted if name.schema != PATHS}
        views = [name for name in found if name in held and held[name].is_view]
        if not views and not paths:
            return found
        with self.sessions.asking(_FILES) as spark:
            for name in views:
                found[name] = replace(found[name], touched=self._version_of_view(spark, held[name]))
            return found | {name: _metadata_of_path(name, spark) for name in paths}

    def _version_of_view(self, spark: Any, view: Held) -> str:
        """Return a text that differs when the view or a table that it reads does, or why nobody can tell."""
        from pyspark.errors import PySparkException

        from dbt_state_plugin.warehouse.spark.catalog import read_relation
        from dbt_state_plugin.warehouse.spark.statement import relations_below, texts_of_view

        try:
            below = relations_below(spark, view)
        except PySparkException:  # a table of it is gone, or a column
            return "?unreadable"
        if below is None:
            return "?untold"
        tables = [read_relation(spark, *name) for name in below]
        versions = [each.version(spark) if each else "absent" for each in tables]
        if any(each.startswith("?") for each in versions):
            return "?untold"
        return value_hash((view.identity.text, sorted(texts_of_view(spark, view)), below, versions))

    def change_evidence(self, schemas: Iterable[str]) -> str | None:
        """Return a value of all relations in these schemas and of their files."""
        with self._in_schemas(schemas, _FILES) as (found, spark):
            return value_hash(sorted(_evidence(held, spark) for held in found))

    def content(self, relation: RelationName, columns: Iterable[str]) -> str:
        """Return a value of all rows, in one scan."""
        from dbt_state_plugin.warehouse.spark.content import content_of

        try:
            with self.sessions.asking(_ROWS) as spark:
                held = self._one(spark, relation)
                return "?absent" if held is None else content_of(spark, held.quoted, held.columns, columns)
        except StateError:
            return "?error"

    def content_of_build(self, relation: RelationName) -> str:
        """Return a value of all columns and rows."""
        from dbt_state_plugin.warehouse.spark.content import content_of

        with self.sessions.asking(_ROWS) as spark:
            held = self._one(spark, relation)
            if held is None:
                return ""
            return f"{value_hash(held.columns_document)}-{content_of(spark, held.quoted, held.columns)}"

    def answer(self, source: str, relation: RelationName, query: str) -> str:
        """Return a hash of the answer to the user's own query, in which `{source}` stands for the relation."""
        rows = self._asked(f"The query of {source}", query.replace("{source}", _quoted(relation)))
        if len(rows) > _MOST_ROWS:
            raise ConfigurationError(
                f"The query of {source} gives more than {_MOST_ROWS} rows.",
                "Write one that gives a few, such as a count.",
            )
        return value_hash(rows)

    def newest_row(self, source: str, relation: RelationName, loaded_at: str) -> str:
        """Return a hash of the number of rows and their newest time."""
        query = f"SELECT count(*), max({loaded_at}) FROM {_quoted(relation)}"  # noqa: S608 - the project's own
        return value_hash(self._asked(f"The loaded_at_field of {source}", query))

    def _asked(self, what: str, query: str) -> list[tuple[Any, ...]]:
        try:
            with self.sessions.asking(f"{what} cannot be answered") as spark:
                return [tuple(row) for row in spark.sql(query).take(_MOST_ROWS + 1)]
        except StateError as error:
            raise ConfigurationError(str(error), "Fix it in the project.") from error

    def named_relations(self, query: str, *, of_dbt: Any) -> tuple[tuple[str, str], ...] | None:
        """Return the relations and the paths of files that a query names."""
        from dbt_state_plugin.warehouse.spark.statement import named_relations

        with self.sessions.asking(_CATALOG) as spark:
            return named_relations(spark, query)

    def ask(self, questions: Iterable[Question], *, of_dbt: Any) -> Mapping[Question, Question]:
        """Return each question with today's answer: relations by the metastore; queries are not asked again."""
        found: dict[Question, Question] = {}
        for each in questions:
            answer = "" if each.sql else self._listed(each)
            found[each] = replace(each, answer=answer, problem="error" if each.sql else "")
        return found

    def _listed(self, question: Question) -> str:
        from dbt_state_plugin.core.values.reads import relations_text
        from dbt_state_plugin.warehouse.spark.catalog import read_relations

        _, schema, identifier = (part.lower() for part in question.relation)
        with self.sessions.asking(_CATALOG) as spark:
            held = read_relations(spark, [schema]).values()
        return relations_text(
            [
                (each.identifier, "view" if each.is_view else "table")
                for each in held
                if not identifier or each.identifier == identifier
            ]
        )

    def calls_in(self, statement: str) -> Calls:
        """Return what a statement may call."""
        from dbt_state_plugin.warehouse.spark import functions

        return functions.calls_in(statement)

    def volatile_names(self, calls: Calls, functions: Iterable[Function]) -> tuple[str, ...]:
        """Return those calls that are not known to give the same answer each time."""
        from dbt_state_plugin.warehouse.spark import functions as known

        return known.volatile_names(calls)

    def functions(self, names: Iterable[str]) -> tuple[Function, ...]:
        """Return nothing: names have to do."""
        return ()

    def function_bodies(self, name: str) -> tuple[FunctionBody, ...]:
        """Return a body that cannot be looked into."""
        return (FunctionBody(volatility="v", language="unknown", text=""),)

    def view_definitions(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[str, ...]]:
        """Return the SQL of views and of the views below."""
        from dbt_state_plugin.warehouse.spark.statement import texts_of_view

        wanted = set(relations)
        with self._held(wanted) as (held, _):
            views = {name: held[name] for name in wanted & held.keys() if held[name].is_view}
        if not views:
            return {}
        with self.sessions.asking(_CATALOG) as spark:
            return {name: texts_of_view(spark, view) for name, view in views.items()}

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Any]:
        """Return the columns of each relation."""
        wanted = set(relations)
        with self._held(wanted) as (held, _):
            pass
        return {(each.schema, each.identifier): numbered_columns(held[each].columns) for each in wanted & held.keys()}

    def describe(self, query: str, *, of_dbt: Any) -> Any:
        """Return the columns that a query would give."""
        import json

        from dbt_state_plugin.warehouse.spark.catalog import columns_of

        with self._refusing() as spark:
            schema = spark.sql(f"SELECT * FROM (\n{query}\n) LIMIT 0")._jdf.schema().json()  # noqa: S608
        return numbered_columns(columns_of(json.loads(schema)["fields"]))

    def count_rows(self, relation: RelationName) -> int:
        """Return how many rows a relation has."""
        with self._refusing() as spark:
            return int(spark.sql(f"SELECT count(*) FROM {_quoted(relation)}").collect()[0][0])  # noqa: S608

    @contextmanager
    def _refusing(self) -> Iterator[Any]:
        from pyspark.errors import AnalysisException

        with self.sessions.asking(_ROWS) as spark:
            try:
                yield spark
            except AnalysisException as error:
                from dbt_state_plugin.warehouse.spark.session import first_line

                raise QueryRefused(first_line(error), is_certain=True) from error

    def drop_checks(self, relations: Iterable[RelationName]) -> Mapping[RelationName, DropCheck]:
        """Return which relation has each of these names now; nothing is dropped yet."""
        from dbt_state_plugin.core.values.orphans import DropCheck

        wanted = set(relations)
        with self._held(wanted) as (held, _):
            pass
        return {name: DropCheck(identity=held[name].identity, may_drop=False) for name in wanted & held.keys()}

    def look_over(self, schema: str) -> tuple[Finding, ...]:
        """Return whether a session starts."""
        from dbt_state_plugin.core.values.findings import Finding, Severity

        with self.sessions.asking(_CATALOG) as spark:
            is_there = _external_schema(spark, schema)
            version = str(spark.version)
        there = f"{schema} may be read" if is_there else f"{schema} is created by the first run"
        return (Finding(check="warehouse", severity=Severity.OK, what=f"Spark {version}: {there}"),)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Nothing is dropped here."""
        yield None

    def drop(self, relation: RelationName, identity: Identity) -> None:
        """Refuse."""
        raise DropRefused("dbt-state-plugin does not drop relations in Spark yet")


def _metadata(held: Held | None, spark: Any) -> SourceMetadata:
    """Return what is told about a table, and the columns of a view."""
    if held is None:
        return SourceMetadata(columns={}, touched="?absent")
    if held.is_view:
        return SourceMetadata(columns=held.columns, touched="?untold")
    version = held.version(spark)
    touched = "?untold" if version.startswith("?") else version
    return SourceMetadata(columns=held.columns, touched=touched, is_table=True, rows=held.rows(spark))


def _metadata_of_path(name: RelationName, spark: Any) -> SourceMetadata:
    from dbt_state_plugin.warehouse.spark.files import files_of_path

    provider, _, path = name.identifier.partition(".")
    found = files_of_path(path, provider, spark)
    return SourceMetadata(columns={}, touched="?absent" if found is None else value_hash(found))


def _evidence(held: Held, spark: Any) -> tuple[str, ...]:
    version = "" if held.is_view else held.version(spark)
    return held.schema, held.identifier, held.identity.text, held.columns_document, held.shape, version


def _external_schema(spark: Any, schema: str) -> bool:
    return bool(spark._jsparkSession.sessionState().catalog().externalCatalog().databaseExists(schema))


def _quoted(relation: RelationName) -> str:
    from dbt_state_plugin.warehouse.spark.catalog import quoted

    return f"{quoted(relation.schema)}.{quoted(relation.identifier)}"
