"""Adapters: the warehouse and the dialect for each of dbt's types.

Each is imported when its type is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.dialect import SqlDialect
    from dbt_state_plugin.warehouse.interface import Warehouse


def dialect_of(kind: str) -> SqlDialect:
    """Return the dialect of the warehouse of dbt's type `kind`, for an unknown one that of which nothing is known."""
    if kind == "postgres":
        from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

        return POSTGRES
    if kind == "duckdb":
        from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB

        return DUCKDB
    from dbt_state_plugin.warehouse.generic.dialect import GENERIC

    return GENERIC


def open_warehouse(kind: str, link: Any) -> Warehouse:
    """Return the warehouse of dbt's type `kind`; raises ConfigurationError.

    `link` is an open connection for PostgreSQL, the credentials of the profile for any other.
    """
    if kind == "postgres":
        from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

        return PostgresWarehouse(link)
    if kind == "duckdb":
        from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse

        return DuckDBWarehouse(link)
    raise ConfigurationError(
        f"Models cannot be planned or run in a warehouse of type {kind!r} as yet.",
        "`plan --state DIR`, `select --state DIR` and `plan --against` compare the code of any project; runs need a"
        " target of type postgres (--target).",
    )
