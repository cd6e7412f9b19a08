"""Writer of the table in docs/warehouses.md."""

from __future__ import annotations

from pathlib import Path

from dbt_state_plugin.core.values.capabilities import FEATURES
from dbt_state_plugin.warehouse.capabilities import BY_ADAPTER

PAGE = Path(__file__).parents[2] / "docs" / "warehouses.md"
BEGIN, END = "<!-- generated: tests/support/warehouse_table.py -->\n", "<!-- end -->\n"


def table() -> str:
    """Return the lines of the table."""
    head = ["question", *BY_ADAPTER]
    rows = [[each.what, *(known[name].value for known in BY_ADAPTER.values())] for name, each in FEATURES.items()]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def with_table(page: str) -> str:
    """Return the page with the table of today."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
