"""Messages where DuckDB cannot be asked."""

from __future__ import annotations

import sys

import pytest

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse


def test_who_has_not_installed_duckdb_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(ConfigurationError) as raised:
        DuckDBWarehouse({"path": "shop.duckdb"}).look_over("main")

    assert raised.value.what == "DuckDB is not installed beside dbt-state-plugin."
    assert raised.value.do == "Run `pip install 'dbt-state-plugin[duckdb]'` in the same environment."
