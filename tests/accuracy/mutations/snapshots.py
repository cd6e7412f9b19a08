"""Edits of snapshots that change what is built."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, replace, write

BLOCK, YML = "snapshots/snap_customers.sql", "snapshots/snap_products.yml"


def _snapshot(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="snapshot", edits=edits)


MUTATIONS = (
    _snapshot("a snapshot's query changes", replace(BLOCK, "email, updated_at", "email || '' as email, updated_at")),
    _snapshot(
        "the strategy changes",
        replace(BLOCK, "strategy='timestamp', updated_at='updated_at'", "strategy='check', check_cols=['email']"),
    ),
    _snapshot("check_cols change", replace(YML, "[price_cents]", "[price_cents, category]")),
    _snapshot(
        "the unique key becomes two columns", replace(YML, "unique_key: product_id", "unique_key: [product_id, sku]")
    ),
    _snapshot(
        "hard deletes are invalidated",
        replace(BLOCK, "updated_at='updated_at'", "updated_at='updated_at', hard_deletes='invalidate'"),
    ),
    _snapshot(
        "current rows get a date",
        replace(YML, "[price_cents]", "[price_cents]\n      dbt_valid_to_current: \"'9999-12-31'::timestamp\""),
    ),
    _snapshot("a snapshot's schema changes", replace("dbt_project.yml", "+schema: snapshots", "+schema: history")),
    _snapshot("a snapshot reads another relation", replace(YML, "ref('stg_products')", "ref('dim_products')")),
    _snapshot(
        "a snapshot is added",
        write(
            "snapshots/snap_events.yml",
            (
                "snapshots:\n  - name: snap_events\n    relation: ref('stg_events')\n"
                "    config: {unique_key: event_id, strategy: timestamp, updated_at: happened_at}\n"
            ),
        ),
    ),
)
