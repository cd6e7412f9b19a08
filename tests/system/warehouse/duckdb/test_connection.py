"""Files that are held for many questions."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest
from support.duckdb_processes import write_by_others

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.warehouse.duckdb.connection import catalog_rows
from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse

ONE = RelationName(database="shop", schema="main", identifier="one")


def written_by_others(path: Path) -> bool:
    return write_by_others(path, "CREATE TABLE IF NOT EXISTS one AS SELECT 1 AS n") == ""


def test_a_file_that_is_kept_open_is_let_go_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    assert written_by_others(path)
    warehouse = DuckDBWarehouse({"path": str(path)})
    with warehouse.kept_open():
        with warehouse.kept_open():
            counted = warehouse.count_rows(ONE)
        described = [name for name, _ in warehouse.describe("SELECT 1 AS n", of_dbt=None)]
        kept_out = not written_by_others(path)

    assert (counted, described, kept_out) == (1, ["n"], True)
    assert written_by_others(path)


def test_a_file_that_was_kept_open_is_let_go_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    assert written_by_others(path)
    warehouse = DuckDBWarehouse({"path": str(path)})
    with pytest.raises(StateError), warehouse.kept_open():
        raise StateError("Told by the test.", "Nothing.")

    assert written_by_others(path)
    assert warehouse.count_rows(ONE) == 1


def test_what_is_not_there_for_a_moment_is_asked_for_again(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        writer = connection.cursor()
        moment = threading.Timer(0.02, lambda: writer.execute("CREATE TABLE late AS SELECT 1 AS n"))
        moment.start()

        assert catalog_rows(connection.cursor(), "SELECT n FROM late") == [(1,)]

        moment.join()
        with pytest.raises(duckdb.CatalogException, match="never"):
            catalog_rows(connection.cursor(), "SELECT n FROM never")
