"""Nodes that come, go, and read other nodes."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, delete, move, replace, write

FINANCE, CUSTOMERS, MECHANICS = "models/marts/finance", "models/marts/customers", "models/marts/mechanics"


def _graph(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="graph", edits=edits)


MUTATIONS = (
    _graph("a model is added", write(f"{FINANCE}/mart_new.sql", "select count(*) as n from {{ ref('fct_orders') }}\n")),
    _graph(
        "a model is added between two",
        write(f"{FINANCE}/mart_between.sql", "select * from {{ ref('mart_revenue') }}\n"),
        replace(f"{FINANCE}/mart_revenue_total.sql", "ref('mart_revenue')", "ref('mart_between')"),
    ),
    _graph("a leaf is deleted", delete(f"{MECHANICS}/mart_calendar.sql")),
    _graph(
        "a leaf is disabled", replace(f"{MECHANICS}/mart_unlogged.sql", "unlogged=true", "unlogged=true, enabled=false")
    ),
    _graph("a model is renamed", move(f"{CUSTOMERS}/mart_cities.sql", f"{CUSTOMERS}/mart_towns.sql")),
    _graph(
        "a model is renamed and keeps its table by an alias",
        move(f"{CUSTOMERS}/mart_cities.sql", f"{CUSTOMERS}/mart_towns.sql"),
        replace(f"{CUSTOMERS}/mart_towns.sql", "select region", "{{ config(alias='mart_cities') }}\nselect region"),
    ),
    _graph("a ref points elsewhere", replace(f"{CUSTOMERS}/mart_customers_legacy.sql", "v=1", "v=2")),
    _graph(
        "a version is added and becomes the latest",
        write(
            f"{CUSTOMERS}/dim_customers_v3.sql",
            "select customer_id, customer_name, email, 3 as edition\nfrom {{ ref('stg_customers') }}\n",
        ),
        replace(f"{CUSTOMERS}/customers.yml", "latest_version: 2", "latest_version: 3"),
        replace(f"{CUSTOMERS}/customers.yml", "      - v: 2\n", "      - v: 2\n      - v: 3\n"),
    ),
    _graph(
        "a version is deleted with its last reader",
        delete(f"{CUSTOMERS}/dim_customers_v1.sql"),
        delete(f"{CUSTOMERS}/mart_customers_legacy.sql"),
        replace(f"{CUSTOMERS}/customers.yml", "      - v: 1\n", ""),
    ),
    _graph(
        "a graph loop finds one more model",
        replace(
            f"{FINANCE}/finance.yml",
            "  - name: fct_payments\n",
            "  - name: fct_payments\n    config:\n      tags: [nightly]\n",
        ),
    ),
    _graph(
        "a model becomes ephemeral",
        replace(f"{FINANCE}/mart_revenue_total.sql", "materialized='view'", "materialized='ephemeral'"),
    ),
    _graph(
        "an ephemeral model becomes a view", replace("models/intermediate/int_item_totals.sql", "'ephemeral'", "'view'")
    ),
    _graph(
        "a model of a lower folder moves into another schema by its folder",
        move("models/intermediate/int_active_customers.sql", "models/staging/int_active_customers.sql"),
    ),
    _graph(
        "a seed is deleted with its last reader", delete("seeds/cities.csv"), delete(f"{CUSTOMERS}/mart_cities.sql")
    ),
)
