"""Names of types, held to DuckDB's own catalog."""

from __future__ import annotations

import duckdb
import pytest

from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB
from dbt_state_plugin.warehouse.duckdb.type_names import _NUMERIC, _TYPES


@pytest.mark.parametrize("written", [*_TYPES, *_NUMERIC, "decimal(10)", "numeric(10, 2)", "varchar(20)"])
def test_a_type_is_called_what_the_catalog_calls_it(written: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (a {written})")
        (name,) = connection.execute("SELECT data_type FROM duckdb_columns() WHERE table_name = 't'").fetchone() or ()

    assert DUCKDB.type_name(written) == name
