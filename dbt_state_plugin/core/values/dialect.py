"""SQL and names as one kind of warehouse reads them, offline."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class SqlDialect(Hashable, Protocol):
    """What the core asks about SQL texts and names; implemented by the warehouse's adapter.

    In doubt a statement is another one, and not deterministic: then a node is built.
    """

    @property
    def version(self) -> int:
        """Return a number that is raised whenever `spelling` gives another text, to be kept beside hashes of it."""

    @property
    def read_only_session(self) -> tuple[str, ...]:
        """Return the statements after which a session can only read, and not for long; none where no such are known."""

    def was_created(self, message: str) -> bool:
        """Return whether a message of dbt's says that a materialized view was made, and not only refreshed."""

    def stored_name(self, name: str, rendered: str) -> str:
        """Return an identifier as the server stores it, given the rendered name that shows whether it is quoted."""

    def column_name(self, name: str, rendered: str) -> str | None:
        """Return the name of a column as the catalog spells it, given as to `stored_name`; None if that is unknown."""

    def type_name(self, text: str) -> str | None:
        """Return what the catalog calls a type that is written in one of the usual ways, None for any other."""

    def external_place(self, rendered: str) -> tuple[str, str] | None:
        """Return schema and identifier for what dbt renders for a source that is no relation, None for a relation."""

    def spelling(self, sql: str) -> str | None:
        """Return the tokens in one spelling with one space between them, None for what cannot surely be read."""

    def same_statement(self, before: str, after: str) -> bool:
        """Return whether the server surely reads the same statement in both texts."""

    def written_by(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Return what statements write rows into: schema, empty if none is given, and name of each relation.

        None if they may do anything else that outlasts their session, or cannot be read.
        """

    def touched_by(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Return which relations statements may leave otherwise than they were, named as by `written_by`.

        None if that may be any: unlike there, rights that are granted count, and new functions do not.
        """

    def is_deterministic(self, statement: str) -> bool:
        """Return whether nothing in a statement makes its rows depend on when, how or by whom it is run."""
