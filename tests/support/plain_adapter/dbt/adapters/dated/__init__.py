"""Adapter `plain` with times of last changes, which tests write.

`clock.altered` holds what the warehouse says of each table, `clock.now` the time of a look, if it is not the real one.
"""

from pathlib import Path

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.capability import Capability, CapabilityDict, CapabilitySupport, Support
from dbt.adapters.plain import PlainAdapter, PlainConnectionManager, PlainCredentials

FULL = CapabilitySupport(support=Support.Full)


class DatedCredentials(PlainCredentials):
    @property
    def type(self) -> str:
        return "dated"


class DatedConnectionManager(PlainConnectionManager):
    TYPE = "dated"


class DatedAdapter(PlainAdapter):
    ConnectionManager = DatedConnectionManager
    _capabilities = CapabilityDict(
        {Capability.TableLastModifiedMetadata: FULL, Capability.TableLastModifiedMetadataBatch: FULL}
    )

    @classmethod
    def type(cls) -> str:
        return "dated"


Plugin = AdapterPlugin(
    adapter=DatedAdapter,
    credentials=DatedCredentials,
    include_path=str(Path(__file__).parents[2] / "include" / "dated"),
    dependencies=["plain"],
)
