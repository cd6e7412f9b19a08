"""Values for the answers and refusals of a warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from dbt_state_plugin.core.values.relations import Identity


class DropRefused(Exception):
    """A relation may not be dropped; `why` says it in a phrase."""

    def __init__(self, why: str) -> None:
        """Keep the phrase."""
        super().__init__(why)
        self.why = why


class QueryRefused(Exception):
    """The server does not accept a query as the warehouse stands; `is_certain` unless it took too long."""

    def __init__(self, why: str, *, is_certain: bool) -> None:
        super().__init__(why)
        self.why = why
        self.is_certain = is_certain


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a relation is now; `columns` and `shape` are None if the warehouse does not tell."""

    identity: Identity
    columns: str | None = None
    shape: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMetadata:
    """What the catalog says about a source: `columns` maps names to types, in order.

    `touched` differs whenever its rows may differ, or is `?` and a word for why nothing tells. `rows` is an estimate.
    Of a function it begins with DEFINITION (see source_version.py) and differs whenever that does.
    """

    columns: dict[str, str]
    touched: str
    is_table: bool = False
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastModified:
    """When a table was last altered, and the time of the look, both by the warehouse; or a word for why not."""

    altered: datetime | None = None
    looked_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLastModified:
    """Why nobody can ask here when a table was last altered: what a setting says wrongly, and what to do."""

    what: str
    do: str


TOLD_EXACTLY = NoLastModified(
    what="data_version is last_modified, and this warehouse itself tells more exactly what was written",
    do="Leave it out here; for some targets only, write data_version: "
    "\"{{ 'last_modified' if target.type == 'snowflake' else 'touched' }}\".",
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Call:
    """A name before a parenthesis, with its schema if one is given; `arguments` is None when not known."""

    name: str
    schema: str = ""
    arguments: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the catalogue: `volatility` is i, s or v; `most` is None for any number of arguments."""

    schema: str
    name: str
    volatility: str
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What a statement calls: names before parentheses, and words and strings that read the clock themselves."""

    functions: frozenset[Call] = frozenset()
    clock: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionBody:
    """How a function is written: `volatility` is i, s or v as it was declared."""

    volatility: str
    language: str
    text: str


def columns_hash(metadata: SourceMetadata, kept: Iterable[str]) -> str:
    """Return a hash of the names and types of some columns, in their order."""
    return value_hash([(name, metadata.columns[name]) for name in kept])


def numbered_columns(columns: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Return names with a number for each type, as the comparison of columns wants them."""
    import zlib

    return tuple((name, zlib.crc32(kind.encode())) for name, kind in columns.items())


def value_hash(value: Any) -> str:
    """Return a hash of a value of plain types."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:32]
