"""Answers of dbt's own adapter, for warehouses without an adapter here."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.dbt_runner.callbacks import one_line
from dbt_state_plugin.errors import StateError

if TYPE_CHECKING:
    from datetime import datetime

    Place = tuple[str, str]  # schema, identifier
    Times = dict[Place, tuple[datetime, datetime]]

_LOG = logging.getLogger(__name__)
_ROWS_AT_ONCE = 1000
_NEVER = 1  # the year that dbt-adapters gives a table without a time


class AdapterQuestions:
    """Ask the adapter of the invocation that came last; the project must have been parsed in this process.

    Each method raises StateError with the adapter's own message.
    """

    def relations(self, database: str, schema: str) -> list[tuple[str, str]]:
        """Return the identifiers in a schema with dbt's words for their types; dbt's cache is not asked."""
        with _asking("relations cannot be listed") as adapter:
            place = adapter.Relation.create(database=database or None, schema=schema, identifier="")
            found = adapter.list_relations_without_caching(place.without_identifier())
            return [(str(each.identifier), str(getattr(each.type, "value", each.type))) for each in found]

    def columns(self, database: str, schema: str, identifier: str) -> list[tuple[str, str]]:
        """Return names and types of a relation's columns in their order."""
        with _asking(f"columns of {identifier} cannot be read") as adapter:
            relation = adapter.Relation.create(database=database or None, schema=schema, identifier=identifier)
            return [(str(each.name), str(each.data_type)) for each in adapter.get_columns_in_relation(relation)]

    def name(self, database: str, schema: str, identifier: str) -> str:
        """Return how SQL names a relation, quoted as the adapter does by default."""
        with _asking("a relation cannot be named") as adapter:
            return str(adapter.Relation.create(database=database or None, schema=schema, identifier=identifier))

    def quoted(self, name: str) -> str:
        """Return an identifier in the adapter's quotes."""
        with _asking("a name cannot be quoted") as adapter:
            return str(adapter.quote(name))

    def content(self, sql: str) -> str:
        """Return the number of rows of a query and a sum of their hashes, whatever their order; all rows are read."""
        with _asking("rows cannot be read") as adapter:
            _, cursor = adapter.connections.add_query(sql, auto_begin=False)
            count, total = 0, 0
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                for row in rows:
                    digest = hashlib.sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()
                    count, total = count + 1, (total + int.from_bytes(digest, "big")) % (1 << 256)
            return f"{count}-{total:x}"

    def tells_last_modified(self) -> bool:
        """Return whether the adapter says that it can always tell when a table was last altered."""
        return _supports("TableLastModifiedMetadata")

    def last_modified(self, database: str, tables: Iterable[Place]) -> Times:
        """Return when each of these tables was last altered, and when the warehouse says that this was looked at.

        They are asked about together where the adapter can do that. What is refused or has no time is left out.
        """
        places = list(tables)
        if len(places) > 1 and _supports("TableLastModifiedMetadataBatch"):
            try:
                return _last_modified(database, places)
            except StateError as error:
                _LOG.info("%s", error.what)
        found: Times = {}
        for place in places:
            try:
                found |= _last_modified(database, [place])
            except StateError as error:
                _LOG.info("%s", error.what)
        return found


def _last_modified(database: str, places: list[Place]) -> Times:
    """Return the times of those tables of which there is one. It is the macro of the project that is executed."""
    what = places[0][1] if len(places) == 1 else f"{len(places)} tables"
    with _asking(f"the last change of {what} is not known") as adapter:
        relations = {
            adapter.Relation.create(database=database or None, schema=schema, identifier=identifier): (
                schema,
                identifier,
            )
            for schema, identifier in places
        }
        if len(relations) > 1:
            _, found = adapter.calculate_freshness_from_metadata_batch(list(relations))
        else:  # some adapters have a way of their own for one
            found = {each: adapter.calculate_freshness_from_metadata(each)[1] for each in relations}
        times = {relations[each]: (said["max_loaded_at"], said["snapshotted_at"]) for each, said in found.items()}
    return {place: both for place, both in times.items() if None not in both and both[0].year > _NEVER}


def _supports(name: str) -> bool:
    """Return whether the adapter supports something in full, with each version of its warehouse."""
    from dbt.adapters.capability import Capability, Support

    return _adapter("capabilities are not known").capabilities()[Capability(name)].support is Support.Full


def _adapter(what: str) -> Any:
    from dbt.adapters.factory import FACTORY

    adapter = next(iter(FACTORY.adapters.values()), None)
    if adapter is None:
        raise StateError(f"The warehouse was not asked: {what} before dbt has read the project.", "Report this.")
    return adapter


@contextmanager
def _asking(what: str) -> Iterator[Any]:
    import sys

    adapter = _adapter(what)
    try:
        with redirect_stdout(sys.stderr), adapter.connection_named("dbt-state-plugin"):
            yield adapter
    except Exception as error:  # whatever an adapter raises
        text = one_line(error)
        raise StateError(f"The warehouse refuses a question, so {what}: {text}", "Run `dbt debug`.") from error
