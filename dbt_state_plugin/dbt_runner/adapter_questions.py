"""Answers of dbt's own adapter, for warehouses without an adapter here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from dbt_state_plugin.errors import StateError

_ROWS_AT_ONCE = 1000


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


@contextmanager
def _asking(what: str) -> Iterator[Any]:
    import sys

    from dbt.adapters.factory import FACTORY

    adapter = next(iter(FACTORY.adapters.values()), None)
    if adapter is None:
        raise StateError(f"The warehouse was not asked: {what} before dbt has read the project.", "Report this.")
    try:
        with redirect_stdout(sys.stderr), adapter.connection_named("dbt-state-plugin"):
            yield adapter
    except Exception as error:  # whatever an adapter raises
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StateError(f"The warehouse refuses a question, so {what}: {text}", "Run `dbt debug`.") from error
