"""What each adapter of a warehouse can tell."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_state_plugin.core.values.capabilities import Capabilities, capabilities

POSTGRES = capabilities(
    code="E",
    missing="E",
    columns="E",
    rows="E",
    views="E",
    shape="E",
    sources="E",
    equal="S",
    cutoff="S",
    named="E",
    questions="E",
    volatile="E",
    up_to_date="E",
    adopt="E",
    orphans="E",
    drop="E",
)
DUCKDB = capabilities(
    code="E",
    missing="E",
    columns="E",
    rows="S",
    views="E",
    shape="E",
    sources="S",
    equal="S",
    named="S",
    questions="E",
    volatile="E",
    up_to_date="E",
    adopt="E",
    orphans="E",
)
SPARK = capabilities(
    code="E",
    missing="E",
    columns="E",
    rows="E",
    views="E",
    shape="E",
    sources="E",
    equal="S",
    named="E",
    questions="A",
    volatile="A",
    up_to_date="E",
    orphans="E",
)
GENERIC = capabilities(
    code="E",
    missing="E",
    columns="E",
    sources="A",
    equal="S",
    questions="A",
    volatile="A",
    orphans="E",
)
BY_ADAPTER: Mapping[str, Capabilities] = {
    "postgres": POSTGRES,
    "duckdb": DUCKDB,
    "spark (session)": SPARK,
    "any other": GENERIC,
}
