"""Types as people write them, and as each catalog has them."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB
from dbt_state_plugin.warehouse.generic.dialect import GENERIC
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES
from dbt_state_plugin.warehouse.spark.dialect import SPARK


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("integer", "integer"),
        ("int8", "bigint"),
        ("Decimal", "numeric"),
        ("numeric(10)", "numeric(10,0)"),
        ("NUMERIC ( 10 , 2 )", "numeric(10,2)"),
        ("varchar", "character varying"),
        ("varchar(20)", "character varying(20)"),
        ("varchar(20, 2)", None),
        ("char", "character(1)"),
        ("timestamptz", "timestamp with time zone"),
        ("timestamp(3)", None),
        ("text[]", None),
        ("money_of_ours", None),
    ],
)
def test_postgresql_knows_types_as_people_write_them(written: str, server: str | None) -> None:
    assert POSTGRES.type_name(written) == server


@pytest.mark.parametrize(
    ("written", "catalog"),
    [
        ("integer", "INTEGER"),
        ("Int8", "BIGINT"),
        ("float8", "DOUBLE"),
        ("float", "FLOAT"),
        ("text", "VARCHAR"),
        ("varchar( 20 )", "VARCHAR"),
        ("varchar(20, 2)", None),
        ("decimal", "DECIMAL(18,3)"),
        ("numeric(10)", "DECIMAL(10,0)"),
        ("NUMERIC(10, 2)", "DECIMAL(10,2)"),
        ("timestamp  without time zone", "TIMESTAMP"),
        ("timestamp(3)", None),
        ("integer[]", None),
        ("mood", None),
    ],
)
def test_duckdb_knows_types_as_people_write_them(written: str, catalog: str | None) -> None:
    assert DUCKDB.type_name(written) == catalog


@pytest.mark.parametrize(
    ("written", "catalog"),
    [
        ("BIGINT", "long"),
        ("int", "integer"),
        ("string", "string"),
        ("decimal", "decimal(10,0)"),
        ("decimal(12,2)", "decimal(12,2)"),
        ("timestamp", None),
        ("string(3)", None),
        ("array<int>", None),
    ],
)
def test_spark_knows_types_as_people_write_them(written: str, catalog: str | None) -> None:
    assert SPARK.type_name(written) == catalog


def test_of_an_unknown_warehouse_no_type_is_known() -> None:
    assert GENERIC.type_name("integer") is None


def test_columns_keep_their_letter_case_where_the_catalog_does() -> None:
    assert DUCKDB.column_name("Id", "Id") == "Id"
    assert (POSTGRES.column_name("Id", "Id"), POSTGRES.column_name("Id", '"Id"')) == ("id", "Id")
    assert SPARK.column_name("Id", "Id") is GENERIC.column_name("Id", "Id") is None
