"""Adapters: the warehouse and the dialect for each of dbt's types.

Each is imported when its type is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from dbt_state_plugin.project.credentials import is_duckdb_elsewhere

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.dialect import SqlDialect
    from dbt_state_plugin.warehouse.generic.warehouse import Questions
    from dbt_state_plugin.warehouse.interface import Warehouse


def dialect_of(kind: str) -> SqlDialect:
    """Return the dialect of the warehouse of dbt's type `kind`, for an unknown one that of which nothing is known."""
    if kind == "postgres":
        from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

        return POSTGRES
    if kind == "duckdb":
        from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB

        return DUCKDB
    if kind == "spark":
        from dbt_state_plugin.warehouse.spark.dialect import SPARK

        return SPARK
    from dbt_state_plugin.warehouse.generic.dialect import GENERIC

    return GENERIC


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterLink:
    """How any warehouse but PostgreSQL is reached: by the keys of its profile, or by dbt's own adapter."""

    credentials: Mapping[str, Any] = field(repr=False)
    questions: Questions


def open_warehouse(kind: str, link: Any) -> Warehouse:
    """Return the warehouse of dbt's type `kind`; raises ConfigurationError for one that cannot be planned.

    `link` is an open connection for PostgreSQL, an `AdapterLink` for any other type; `sqlite` is no type of dbt's, but
    where there is only a state.
    """
    if kind == "postgres":
        from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

        return PostgresWarehouse(link)
    if kind == "duckdb" and not is_duckdb_elsewhere(link.credentials):
        from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse

        return DuckDBWarehouse(link.credentials)
    if kind == "spark" and link.credentials.get("method") == "session":
        from dbt_state_plugin.warehouse.spark.warehouse import SparkWarehouse

        return SparkWarehouse(link.credentials)
    if kind == "sqlite":
        from dbt_state_plugin.warehouse.no_warehouse import NoWarehouse

        return cast("Warehouse", NoWarehouse())  # of which nothing else is asked
    from dbt_state_plugin.warehouse.generic.warehouse import GenericWarehouse

    return GenericWarehouse(kind, link.credentials, link.questions)
