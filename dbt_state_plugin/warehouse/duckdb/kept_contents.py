"""Contents of tables, kept with the version of the file.

A run of dbt writes into the file and so creates a new version of it. What was known of the tables that dbt has not
written holds for the new version too, if nobody else can have written in between: the file was unchanged when dbt had
already opened it, and so kept all others out, and it stays open until the new version is read. Nothing
keeps out who moves another file into its place: then nothing is carried over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.duckdb.connection import DuckDBFile

FORM = 2  # another number where the content of the same rows is another text


class KeptContents:
    """What is known of tables at one version of a file."""

    def __init__(self, file: DuckDBFile) -> None:
        """Know nothing."""
        self._file = file
        self._version: str | None = None
        self._contents: dict[RelationName, str] = {}
        self._watched: str | None = None
        self._holder: Any = None

    def recall(self, document: Any) -> None:
        """Load what `document` gave in another process, unless more is known already."""
        if self._version is not None or not isinstance(document, dict) or document.get("form") != FORM:
            return
        self._version = str(document["version"])
        self._contents = {
            RelationName(database=database, schema=schema, identifier=identifier): content
            for database, schema, identifier, content in document["contents"]
        }

    def document(self) -> Any:
        """Return what is known as a value of JSON's kind, None if nothing is."""
        if self._version is None:
            return None
        contents = [[*_names(name), self._contents[name]] for name in sorted(self._contents)]
        return {"form": FORM, "version": self._version, "contents": contents}

    def content(self, version: str | None, name: RelationName) -> str | None:
        """Return what is known of one table at this version of the file, None if nothing is."""
        return self._contents.get(name) if version is not None and version == self._version else None

    def add(self, version: str | None, name: RelationName, content: str) -> None:
        """Note what was read of a table at a version.

        What was read beside dbt may be of a later one, and what was read of a file that was replaced while it was
        opened of an earlier one: neither is kept.
        """
        if version is None or version != self._file.opened or self._file.is_shared:
            return
        if version != self._version:
            self._version, self._contents = version, {}
        self._contents[name] = content

    def watch(self) -> None:
        """Be told when dbt has opened the file."""
        self._watched = None
        if self._version is not None:
            self._file.on_shared(self._hold)

    def _hold(self, connection: Any) -> None:
        if self._file.version() == self._version:  # nobody has written since, and nobody else can from now on
            self._watched, self._holder = self._version, connection
        else:
            connection.close()

    def settle(self, written: Iterable[RelationName] | None) -> None:
        """Carry over what dbt has not written to the version that it has left, and release the file."""
        self._file.on_shared(None)
        watched, holder = self._watched, self._holder
        self._watched = self._holder = None
        if self._file.is_another:  # what dbt had open is no longer there
            self._version, self._contents = None, {}
        if holder is None:
            return
        try:
            if written is not None and watched == self._version and not self._file.is_shared:
                self._take_over(holder, {_folded(name) for name in written})
        finally:
            holder.close()

    def _take_over(self, holder: Any, written: set[tuple[str, ...]]) -> None:
        import duckdb

        try:
            holder.execute("CHECKPOINT")  # else the file becomes another version when it is closed
        except duckdb.Error:
            return
        self._version = self._file.version()
        self._contents = {name: content for name, content in self._contents.items() if _folded(name) not in written}


def _folded(name: RelationName) -> tuple[str, ...]:
    """Return a name as DuckDB compares it: whatever letter case its parts have, it is the same relation."""
    return tuple(part.lower() for part in _names(name))


def _names(name: RelationName) -> tuple[str, str, str]:
    return name.database, name.schema, name.identifier
