"""An adapter unknown to the product: DuckDB without anything optional."""

from pathlib import Path

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.capability import CapabilityDict
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.impl import DuckDBAdapter


class PlainCredentials(DuckDBCredentials):
    @property
    def type(self) -> str:
        return "plain"


class PlainConnectionManager(DuckDBConnectionManager):
    TYPE = "plain"


class PlainAdapter(DuckDBAdapter):
    ConnectionManager = PlainConnectionManager
    _capabilities = CapabilityDict({})

    @classmethod
    def type(cls) -> str:
        return "plain"


Plugin = AdapterPlugin(
    adapter=PlainAdapter,
    credentials=PlainCredentials,
    include_path=str(Path(__file__).parents[2] / "include" / "plain"),
    dependencies=["duckdb"],
)
