"""PostgreSQL's implementation of the warehouse protocol.

What a run that finds nothing to do never asks is imported on first use: the patterns of the lexer of SQL take some
milliseconds to compile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.warehouse.interface import Warehouse
from dbt_state_plugin.warehouse.postgres import catalog, change_evidence, session_settings, source_data

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from dbt_state_plugin.core.comparison.adoption import Columns
    from dbt_state_plugin.core.values.capabilities import Capabilities
    from dbt_state_plugin.core.values.findings import Finding
    from dbt_state_plugin.core.values.orphans import DropCheck
    from dbt_state_plugin.core.values.reads import Question
    from dbt_state_plugin.core.values.records import RowsLeft
    from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
    from dbt_state_plugin.warehouse.answers import (
        Calls,
        Function,
        FunctionBody,
        LastModified,
        NoLastModified,
        Present,
        SourceMetadata,
    )
    from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt

_FUNCTIONS = "Cannot read the functions of the warehouse"
_ROWS = "Cannot read the rows of the warehouse"
_PATIENCE = 2.0  # seconds, until counters are handed in


class PostgresWarehouse:
    """Asks everything on one connection; `warehouse/interface.py` says what each answer means."""

    def __init__(self, connection: Connection) -> None:
        """Ask nothing yet."""
        self.connection = connection

    @property
    def capabilities(self) -> Capabilities:
        """Return that all is told."""
        from dbt_state_plugin.warehouse.capabilities import POSTGRES

        return POSTGRES

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def cancel(self) -> None:
        """Cancel the statement that is being executed."""
        import psycopg2

        with suppress(psycopg2.Error):
            self.connection.cancel()

    @property
    def kept_contents(self) -> None:
        """Return nothing: counters tell what was written."""
        return None

    def check_writable(self) -> None:
        """Refuse nothing: any number of sessions write."""

    def shares(self, connection: object) -> bool:
        """Return whether `connection` is the one on which everything is asked."""
        return connection is self.connection

    def server_identity(self) -> tuple[str, str]:
        """Return the database's name and the server's system identifier."""
        return catalog.server_identity(self.connection)

    def reads_across(self, database: str, other: str) -> bool:
        """Return whether both are one database: a session has no other."""
        return database == other

    def position(self) -> str | None:
        """Return the timeline and the database's oid, and how much was written ahead on it."""
        return catalog.position(self.connection)

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        """Return what is in the schemas of these relations."""
        return catalog.read_catalog(self.connection, relations)

    def identity_sql(self, connection: object) -> str | None:
        """Return the part of a statement that gives identity, kind, columns and shape, on the same connection only."""
        return catalog.IDENTITY_SQL if self.shares(connection) else None

    def present(self, relation: RelationName) -> Present | None:
        """Return what one relation is now."""
        with database_errors("Cannot read the catalog of the warehouse"):
            return catalog.read_present(self.connection, relation)

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return the identities and shapes of relations."""
        return catalog.read_shapes(self.connection, relations)

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return the identities and write counters of tables."""
        return catalog.read_counters(self.connection, relations)

    def session_of_dbt(self, credentials: Mapping[str, Any]) -> SessionOfDbt:
        """Return the search_path and the role of dbt's sessions, and by which names the server shows them."""
        return session_settings.session_of_dbt(credentials)

    def has_counted_writes(self, of_dbt: SessionOfDbt) -> bool:
        """Wait until the sessions of dbt have handed in what they counted."""
        return catalog.sessions_ended(self.connection, of_dbt.user, of_dbt.application, patience=_PATIENCE)

    @property
    def no_last_modified(self) -> NoLastModified:
        """Return that counters tell more."""
        from dbt_state_plugin.warehouse.answers import TOLD_EXACTLY

        return TOLD_EXACTLY

    def last_modified(self, sources: Iterable[RelationName]) -> Mapping[RelationName, LastModified]:
        """Return nothing: counters tell more."""
        return {}

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        """Return what the catalog says about each source."""
        return source_data.read_source_metadata(self.connection, sources)

    def files_of(self, relations: Iterable[RelationName]) -> tuple[RelationName, ...]:
        """Return none: rows are in tables."""
        return ()

    def source_evidence(self, sources: Iterable[RelationName]) -> Any:
        """Return what the catalog says about each source."""
        return Warehouse.source_evidence(self, sources)

    def content(self, relation: RelationName, columns: Iterable[str]) -> str:
        """Return a value of all rows, in one scan."""
        with database_errors(_ROWS):
            return source_data.content_of(self.connection, relation, columns)

    def content_of_build(self, relation: RelationName) -> str:
        """Return a value of all columns and rows."""
        with database_errors(_ROWS):
            return source_data.content_of_build(self.connection, relation)

    def rows_left(self, relation: RelationName, some: Iterable[tuple[str, ...]] = ()) -> RowsLeft | None:
        """Return what a relation holds."""
        from dbt_state_plugin.warehouse.postgres import rows_left

        with database_errors(_ROWS):
            return rows_left.rows_left(self.connection, relation, some)

    def rows_shown(
        self,
        view: RelationName,
        some: Iterable[tuple[str, ...]],
        *,
        most_rows: int,
        patience_ms: int,
        of_dbt: SessionOfDbt,
    ) -> RowsLeft | None:
        """Return what the query of a view gives."""
        from dbt_state_plugin.warehouse.postgres import rows_left

        with database_errors(_ROWS):
            return rows_left.rows_shown(
                self.connection,
                view,
                some,
                most_rows=most_rows,
                patience_ms=patience_ms,
                of_dbt=of_dbt,
            )

    def same_query(self, before: str, now: str, *, keeps_names: bool, of_dbt: SessionOfDbt) -> bool:
        """Return whether two statements are parsed into the same query."""
        from dbt_state_plugin.warehouse.postgres import same_query

        with database_errors("Cannot compare queries"):
            return same_query.same_query(self.connection, before, now, keeps_names=keeps_names, of_dbt=of_dbt)

    def columns_read(self, query: str, *, of_dbt: SessionOfDbt) -> Mapping[tuple[str, str], tuple[str, ...]] | None:
        """Return the columns that a query reads."""
        from dbt_state_plugin.warehouse.postgres import named_relations

        with database_errors("Cannot ask what a query reads"):
            return named_relations.columns_read(self.connection, query, of_dbt=of_dbt)

    def estimated_rows(self, relation: RelationName) -> int:
        """Return how many rows a relation is counted to have."""
        return source_data.read_source_metadata(self.connection, [relation])[relation].rows

    def reads_order(self, statement: str, *, of_dbt: SessionOfDbt) -> bool:
        """Return whether the order of rows may decide what a query gives."""
        from dbt_state_plugin.warehouse.postgres import named_relations
        from dbt_state_plugin.warehouse.postgres.deterministic import SUMS, is_deterministic

        if is_deterministic(statement):
            return False
        if not is_deterministic(statement, SUMS):
            return True
        with database_errors("Cannot ask what a query sums up"):
            return not named_relations.sums_exactly(self.connection, statement, of_dbt=of_dbt)

    def reads_storage(self, statement: str) -> bool:
        """Return whether where rows lie may decide what a query gives."""
        from dbt_state_plugin.warehouse.postgres.deterministic import reads_storage

        return reads_storage(statement)

    def answer(self, source: str, relation: RelationName, query: str) -> str:
        """Return a hash of the answer to the user's own query."""
        with database_errors(_ROWS):
            return source_data.answer_of_query(self.connection, source, relation, query)

    def newest_row(self, source: str, relation: RelationName, loaded_at: str) -> str:
        """Return a hash of the number of rows and their newest time."""
        with database_errors(_ROWS):
            return source_data.newest_row(self.connection, source, relation, loaded_at)

    def written_relations(self, statement: str) -> tuple[tuple[str, str], ...]:
        """Return what a statement says that it writes into."""
        from dbt_state_plugin.warehouse.postgres.written import written_relations

        return written_relations(statement)

    def session_settings(self, of_dbt: SessionOfDbt) -> Mapping[str, str]:
        """Return the settings of a new session, wherever they come from; those of the profile win."""
        return session_settings.read_session_settings(self.connection) | of_dbt.settings

    def named_relations(self, query: str, *, of_dbt: SessionOfDbt) -> tuple[tuple[str, str], ...] | None:
        """Return the relations that a query names."""
        from dbt_state_plugin.warehouse.postgres import named_relations

        with database_errors("Cannot ask what a query names"):
            return named_relations.named_relations(self.connection, query, of_dbt=of_dbt)

    def ask(self, questions: Iterable[Question], *, of_dbt: SessionOfDbt) -> Mapping[Question, Question]:
        """Return each question with today's answer."""
        from dbt_state_plugin.warehouse.postgres import questions as asked

        return asked.ask(self.connection, questions, of_dbt=of_dbt)

    def readers_of(self, written: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]] | None:
        """Return the relations in which rows written into these may show."""
        from dbt_state_plugin.warehouse.postgres.readers import readers_of

        with database_errors("Cannot ask what reads the relations that hooks write"):
            return readers_of(self.connection, written)

    def change_evidence(self, schemas: Iterable[str]) -> str | None:
        """Return a value that differs whenever a relation in these schemas does."""
        return change_evidence.catalog_evidence(self.connection, schemas)

    def calls_in(self, statement: str) -> Calls:
        """Return what a statement may call."""
        from dbt_state_plugin.warehouse.postgres import volatile_calls

        return volatile_calls.calls_in(statement)

    def volatile_names(self, calls: Calls, functions: Iterable[Function]) -> tuple[str, ...]:
        """Return those calls that may give another answer on every run."""
        from dbt_state_plugin.warehouse.postgres import volatile_calls

        return volatile_calls.volatile_names(calls, functions)

    def functions(self, names: Iterable[str]) -> tuple[Function, ...]:
        """Return all functions of these names."""
        from dbt_state_plugin.warehouse.postgres import functions

        with database_errors(_FUNCTIONS):
            return functions.read_functions(self.connection, names)

    def function_bodies(self, name: str) -> tuple[FunctionBody, ...]:
        """Return the bodies of all functions of this name."""
        from dbt_state_plugin.warehouse.postgres import functions

        with database_errors(_FUNCTIONS):
            return functions.read_function_bodies(self.connection, name)

    def view_definitions(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[str, ...]]:
        """Return the SQL of views and of the views below."""
        from dbt_state_plugin.warehouse.postgres import functions

        with database_errors(_FUNCTIONS):
            return functions.read_view_definitions(self.connection, relations)

    def kept_open(self) -> AbstractContextManager[None]:
        """Do nothing: all questions are asked of one connection."""
        return nullcontext()

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Columns]:
        """Return the columns of each relation."""
        from dbt_state_plugin.warehouse.postgres import columns

        return columns.read_columns(self.connection, relations)

    def describe(self, query: str, *, of_dbt: SessionOfDbt) -> Columns:
        """Return the columns that a query would give."""
        from dbt_state_plugin.warehouse.postgres import columns

        return columns.described_columns(self.connection, query, of_dbt=of_dbt)

    def count_rows(self, relation: RelationName) -> int:
        """Return how many rows a relation has."""
        from dbt_state_plugin.warehouse.postgres import columns

        return columns.count_rows(self.connection, relation)

    def drop_checks(self, relations: Iterable[RelationName]) -> Mapping[RelationName, DropCheck]:
        """Return which relation has each of these names now."""
        from dbt_state_plugin.warehouse.postgres import drops

        return drops.read_drop_checks(self.connection, relations)

    def look_over(self, schema: str) -> tuple[Finding, ...]:
        """Return findings about rights, counters and the connection."""
        from dbt_state_plugin.warehouse.postgres import fitness

        return fitness.look_over(self.connection, schema)

    def transaction(self) -> AbstractContextManager[Any]:
        """Open a transaction of its own."""
        return transaction(self.connection)

    def drop(self, relation: RelationName, identity: Identity) -> None:
        """Drop exactly the relation of this identity in the open transaction."""
        from dbt_state_plugin.warehouse.postgres import drops

        with self.connection.cursor() as cursor:
            drops.drop_relation(cursor, relation, identity)
