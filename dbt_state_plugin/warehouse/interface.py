"""Protocol of a warehouse, as operations use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from dbt_state_plugin.core.values.capabilities import Capabilities, capabilities
from dbt_state_plugin.warehouse.answers import (
    TOLD_EXACTLY,
    Calls,
    Function,
    FunctionBody,
    LastModified,
    NoLastModified,
    Present,
    SourceMetadata,
)

if TYPE_CHECKING:
    from dbt_state_plugin.core.comparison.adoption import Columns
    from dbt_state_plugin.core.values.findings import Finding
    from dbt_state_plugin.core.values.orphans import DropCheck
    from dbt_state_plugin.core.values.reads import Question
    from dbt_state_plugin.core.values.records import RowsLeft
    from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName


class KeptContents(Protocol):
    """What is known of the rows of relations by scanning, as long as nobody else writes."""

    def recall(self, document: Any) -> None:
        """Load what `document` gave in an earlier process, None if nothing is kept.

        It counts only for what nobody has written since.
        """

    def document(self) -> Any:
        """Return what is known as a value of JSON's kind, None if nothing is."""

    def watch(self) -> None:
        """Note what is known, before dbt writes in this process."""

    def settle(self, written: Iterable[RelationName] | None) -> None:
        """Keep what was known except for what dbt has written since `watch`.

        Nothing is kept where others may have written meanwhile, or with None, where nobody knows what dbt has written.
        """


class Warehouse(Protocol):
    """Answers what a plan asks, in values of the core; a text that identifies something is opaque to all others.

    Errors of the server come as StateError. The methods that have a body here say that a warehouse cannot tell: a class
    may inherit them.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return how well each question of a plan is answered."""
        return capabilities()

    def close(self) -> None:
        """Close the connection."""

    def cancel(self) -> None:
        """End what another thread asks at this moment, as an error of the server; nothing where that cannot be done."""
        return

    @property
    def kept_contents(self) -> KeptContents | None:
        """Return what keeps contents for other processes, None if the catalog tells what was written."""
        return None

    def check_writable(self) -> None:
        """Raise BusyError where another process keeps dbt from writing; nothing is written. Before dbt runs."""
        return

    def shares(self, connection: object) -> bool:
        """Return whether everything is asked on this connection, so that one transaction holds the state's part too."""

    def server_identity(self) -> tuple[str, str]:
        """Return the names of the database and of its server, which together name one warehouse."""

    def reads_across(self, database: str, other: str) -> bool:
        """Return whether a build in one database can read relations of the other one, both of this warehouse."""
        return database == other

    def position(self) -> str | None:
        """Return the warehouse's position: a timeline, `/` and a number that only grows on it.

        The line is another one where a backup was restored. None if nothing tells, or where what identifies a relation
        is what it holds, so that an older copy shows by itself.
        """
        return None

    def catalog(self, relations: Iterable[RelationName]) -> Catalog:
        """Return what is in the schemas of these relations."""

    def identity_sql(self, connection: object) -> str | None:
        """Return the query for identity, kind, columns and shape that a statement on the state's connection can hold.

        It gives the identity as `Identity.text` would. None if the state is kept elsewhere; then `present` is asked.
        """

    def present(self, relation: RelationName) -> Present | None:
        """Return what one relation is now, None when it does not exist."""

    def shapes(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return for each relation that exists its identity and shape; nothing if the warehouse tells no shapes."""

    def counters(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[Identity, str]]:
        """Return for each table the identity and the counters of what was written into it."""

    def session_of_dbt(self, credentials: Mapping[str, Any]) -> Any:
        """Return what these keys of the profile say of dbt's sessions; only this class reads it."""
        return None

    def has_counted_writes(self, of_dbt: Any) -> bool:
        """Wait a little until all writes of dbt's sessions are counted; return whether they are."""
        return True

    def source_metadata(self, sources: Iterable[RelationName]) -> Mapping[RelationName, SourceMetadata]:
        """Return what the catalog says about each source; rows are not read."""

    def source_evidence(self, sources: Iterable[RelationName]) -> Any:
        """Return a value of JSON's kind that differs whenever a source does, beside what `change_evidence` tells."""
        metadata = self.source_metadata(sources)
        return [[str(name), each.touched, *each.columns.items()] for name, each in sorted(metadata.items())]

    def files_of(self, relations: Iterable[RelationName]) -> tuple[RelationName, ...]:
        """Return the files, as `source_evidence` takes them, that hold the rows of relations and no catalog counts."""
        return ()

    def content(self, relation: RelationName, columns: Iterable[str]) -> str:
        """Return a value that differs when a row of these columns differs, or `?` and a word when unreadable."""

    def content_of_build(self, relation: RelationName) -> str:
        """Return a value of all columns and rows of a relation, or nothing if unreadable."""

    def rows_left(self, relation: RelationName, some: Iterable[tuple[str, ...]] = ()) -> RowsLeft | None:
        """Return what a relation holds, in one scan, and None if it cannot be read or does not exist.

        `some` are sets of columns of which it is to be told besides; one that the relation lacks is left out.
        """
        return None

    def rows_shown(
        self,
        view: RelationName,
        some: Iterable[tuple[str, ...]],
        *,
        most_rows: int,
        patience_ms: int,
        of_dbt: Any,
    ) -> RowsLeft | None:
        """Return what the query of a view gives, by rows in no order, None if it cannot be executed.

        Nor if it takes longer than `patience_ms` (0: any time), or is expected to handle more than `most_rows` rows.
        Other parameters as in `rows_left` and `ask`.
        """
        return None

    def same_query(self, before: str, now: str, *, keeps_names: bool, of_dbt: Any) -> bool:
        """Return whether the server surely reads the same query in two statements; nothing stays in the database.

        With `keeps_names` what things are called inside counts, too. `of_dbt` as in `ask`.
        """
        return False

    def columns_read(self, query: str, *, of_dbt: Any) -> Mapping[tuple[str, str], tuple[str, ...]] | None:
        """Return the columns that a query reads of each relation that it names, None if unknown.

        A relation of which more is read than columns, or nothing but how many rows it has, has none here.
        """
        return None

    def estimated_rows(self, relation: RelationName) -> int:
        """Return about how many rows a relation has, from the catalog alone."""
        return 0

    def reads_order(self, statement: str, *, of_dbt: Any) -> bool:
        """Return whether the order of the rows that a query reads may decide what it gives; parameters as in `ask`."""
        return True

    def reads_storage(self, statement: str) -> bool:
        """Return whether where or how the rows lie that a query reads may decide what it gives."""
        return True

    def answer(self, source: str, relation: RelationName, query: str) -> str:
        """Return a hash of the answer to the user's own query; raises ConfigurationError, naming the source."""

    def newest_row(self, source: str, relation: RelationName, loaded_at: str) -> str:
        """Return a hash of the number of rows and their newest time; raises ConfigurationError."""

    @property
    def no_last_modified(self) -> NoLastModified | None:
        """Return why `data_version: last_modified` is no setting for this warehouse, None where it is one."""
        return TOLD_EXACTLY

    def last_modified(self, sources: Iterable[RelationName]) -> Mapping[RelationName, LastModified]:
        """Return when each of these tables was last altered; asked only where `no_last_modified` is None."""
        return {}

    def written_relations(self, statement: str) -> tuple[tuple[str, str], ...]:
        """Return the schema, empty if none is given, and the name of what a statement says that it writes into."""
        return ()

    def session_settings(self, of_dbt: Any) -> Mapping[str, str]:
        """Return what dbt's sessions have for each setting that says what a statement means, nothing if none does."""
        return {}

    def named_relations(self, query: str, *, of_dbt: Any) -> tuple[tuple[str, str], ...] | None:
        """Return the schema and name of each relation that a query itself names, None if unknown.

        What views read is not among them. Nothing stays in the database; `of_dbt` as in `ask`. Raises
        QueryRefused where the query names what only the session that runs it knows.
        """
        return None

    def ask(self, questions: Iterable[Question], *, of_dbt: Any) -> Mapping[Question, Question]:
        """Return each question with today's answer, as `answer_text` and `relations_text` write it, or its problem.

        Nothing is written. A question means what it would in a session of dbt's: `of_dbt` is from `session_of_dbt`.
        """
        return {question: replace(question, answer="", problem="error") for question in questions}

    def readers_of(self, written: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]] | None:
        """Return the relations in which rows written into these may show, by schema and name; None for any.

        A schema is empty where none is given.
        """
        return None

    def change_evidence(self, schemas: Iterable[str]) -> str | None:
        """Return a value that differs whenever a relation in these schemas does, or None if nothing tells."""

    def calls_in(self, statement: str) -> Calls:
        """Return what a statement may call; names may be those of types, tables or keywords too."""

    def volatile_names(self, calls: Calls, functions: Iterable[Function]) -> tuple[str, ...]:
        """Return those calls that may give another answer on every run, given all functions of these names."""

    def functions(self, names: Iterable[str]) -> tuple[Function, ...]:
        """Return all functions of these names, in whichever schema."""

    def function_bodies(self, name: str) -> tuple[FunctionBody, ...]:
        """Return the bodies of all functions of this name, in whichever schema."""

    def view_definitions(self, relations: Iterable[RelationName]) -> Mapping[RelationName, tuple[str, ...]]:
        """Return the SQL of those relations that are views, with that of the views below."""

    def kept_open(self) -> AbstractContextManager[None]:
        """Let many questions in a row be asked of one connection where each would open its own; not while dbt runs."""
        return nullcontext()

    def columns(self, relations: Iterable[RelationName]) -> Mapping[tuple[str, str], Columns]:
        """Return the columns of each relation by schema and name."""

    def describe(self, query: str, *, of_dbt: Any) -> Columns:
        """Return the columns that a query would give; raises QueryRefused."""

    def count_rows(self, relation: RelationName) -> int:
        """Return how many rows a relation has; raises QueryRefused."""

    def drop_checks(self, relations: Iterable[RelationName]) -> Mapping[RelationName, DropCheck]:
        """Return which relation has each of these names now; unused names are left out."""

    def look_over(self, schema: str) -> tuple[Finding, ...]:
        """Return findings about the rights and settings that runs into this schema need; nothing is written."""
        return ()

    def transaction(self) -> AbstractContextManager[Any]:
        """Commit what is done inside at its end, or roll all of it back on an error."""

    def drop(self, relation: RelationName, identity: Identity) -> None:
        """Drop exactly the relation of this identity in the open transaction, to be undone at DropRefused."""
