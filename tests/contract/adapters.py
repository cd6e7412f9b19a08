"""The adapters that are put through the contract.

They are DuckDB under two names, as those need no server. For one with a server, `write_duckdb_project` and
`DuckDBProject.query` have to be replaced: by its target in profiles.yml, and by whatever executes statements there as
somebody else would (`dbt run-operation` with a macro that runs the statement will do).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PLAIN_ADAPTER = Path(__file__).parents[1] / "support" / "plain_adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One of dbt's types, and what its plans say that it cannot tell.

    `path` is where its package lies, empty where it is installed. `superfluous` is built without a need.
    """

    kind: str
    path: str = ""
    untold: frozenset[str] = frozenset()
    superfluous: frozenset[str] = frozenset()


ADAPTERS: Mapping[str, Adapter] = {
    "duckdb": Adapter(kind="duckdb"),
    # DuckDB with everything optional switched off, as any adapter that the product does not know.
    "plain": Adapter(
        kind="plain",
        path=str(PLAIN_ADAPTER),
        untold=frozenset({"rows", "views", "shape", "named"}),
        superfluous=frozenset({"reads_source"}),
    ),
}
