"""Edits of configuration, in files and yml, that change builds."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, replace

STAGING = "models/staging"
FINANCE, CUSTOMERS, MECHANICS = "models/marts/finance", "models/marts/customers", "models/marts/mechanics"
PROJECT = "dbt_project.yml"


def _config(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="config", edits=edits)


def _hook(old: str, new: str) -> Edit:
    return replace(f"{MECHANICS}/mart_hooked.sql", old, new)


MUTATIONS = (
    _config(
        "a view becomes a table",
        replace(f"{FINANCE}/mart_revenue_total.sql", "materialized='view'", "materialized='table'"),
    ),
    _config(
        "a folder of views becomes tables in dbt_project.yml",
        replace(
            PROJECT,
            "      +materialized: view\n      +schema: staging",
            "      +materialized: table\n      +schema: staging",
        ),
    ),
    _config(
        "a materialized view becomes a table",
        replace(f"{FINANCE}/mart_sales.sql", "materialized='materialized_view'", "materialized='table'"),
    ),
    _config(
        "an index's type changes",
        replace(
            f"{STAGING}/stg_payments.sql", "{'columns': ['order_id']}", "{'columns': ['order_id'], 'type': 'hash'}"
        ),
    ),
    _config(
        "an index is added to an incremental",
        replace(
            f"{FINANCE}/fct_events.sql",
            "[{'columns': ['event_id']}]",
            "[{'columns': ['event_id']}, {'columns': ['kind']}]",
        ),
    ),
    _config(
        "a grant on a table changes",
        replace(f"{STAGING}/stg_payments.sql", "['accuracy_reader']", "['accuracy_reader', 'accuracy_writer']"),
    ),
    _config(
        "grants of a folder change in dbt_project.yml",
        replace(PROJECT, "select: [accuracy_reader]", "select: [accuracy_writer]"),
    ),
    _config(
        "a grant is added in yml",
        replace(
            f"{CUSTOMERS}/customers.yml",
            "  - name: mart_cities\n",
            "  - name: mart_cities\n    config:\n      grants: {select: [accuracy_reader]}\n",
        ),
    ),
    _config("a custom schema changes", replace(f"{MECHANICS}/mart_aliased.sql", "schema='extra'", "schema='special'")),
    _config(
        "the schema of a folder changes in dbt_project.yml", replace(PROJECT, "+schema: staging", "+schema: stage")
    ),
    _config("an alias changes", replace(f"{MECHANICS}/mart_aliased.sql", "'nice_name'", "'nicer_name'")),
    _config(
        "an alias of a read model changes",
        replace(
            f"{FINANCE}/mart_revenue.sql",
            "select\n    date_trunc",
            "{{ config(alias='revenue_by_month') }}\nselect\n    date_trunc",
        ),
    ),
    _config(
        "a table becomes unlogged",
        replace(f"{CUSTOMERS}/mart_cities.sql", "select region", "{{ config(unlogged=true) }}\nselect region"),
    ),
    _config(
        "an unlogged table becomes logged", replace(f"{MECHANICS}/mart_unlogged.sql", "unlogged=true", "unlogged=false")
    ),
    _config(
        "a key that only an override reads changes",
        replace(f"{STAGING}/stg_returns.sql", "security_barrier=true", "security_barrier=false"),
    ),
    _config(
        "a key that only a custom materialization reads changes",
        replace(f"{MECHANICS}/mart_stamped.sql", "'blue'", "'red'"),
    ),
    _config(
        "a key that a Python model reads changes", replace(f"{MECHANICS}/mart_features.py", "factor=3", "factor=4")
    ),
    _config("the incremental strategy changes", replace(f"{FINANCE}/fct_payments.sql", "delete+insert", "merge")),
    _config(
        "the unique key changes",
        replace(f"{FINANCE}/fct_payments.sql", "unique_key='payment_id'", "unique_key=['payment_id', 'order_id']"),
    ),
    _config(
        "a sql_header is added",
        replace(
            f"{CUSTOMERS}/mart_cities.sql",
            "select region",
            "{{ config(sql_header='set local work_mem = 1024;') }}\nselect region",
        ),
    ),
    _config(
        "a post-hook is added",
        replace(
            f"{CUSTOMERS}/mart_cities.sql",
            "select region",
            "{{ config(post_hook='analyze {{ this }}') }}\nselect region",
        ),
    ),
    _config("a pre-hook changes", _hook("select 1 /*", "select 2 /*")),
    _config(
        "post-hooks change their order",
        _hook(
            "[\"{{ comment_hook(this, env_var('SHOP_NOTE', 'hooked')) }}\", \"analyze {{ this }}\"]",
            "[\"analyze {{ this }}\", \"{{ comment_hook(this, env_var('SHOP_NOTE', 'hooked')) }}\"]",
        ),
    ),
    _config(
        "a hook of a folder is added in dbt_project.yml",
        replace(
            PROJECT,
            "      mechanics:\n        +meta:\n",
            '      mechanics:\n        +post-hook: "analyze {{ this }}"\n        +meta:\n',
        ),
    ),
    _config(
        "a constraint is added to a contract",
        replace(
            f"{CUSTOMERS}/customers.yml",
            "      - name: product_name\n        data_type: text\n",
            "      - name: product_name\n        data_type: text\n        constraints:\n          - type: not_null\n",
        ),
    ),
    _config(
        "a data type in a contract changes",
        replace(
            f"{CUSTOMERS}/customers.yml",
            "      - name: product_name\n        data_type: text\n",
            "      - name: product_name\n        data_type: varchar(50)\n",
        ),
        replace(f"{CUSTOMERS}/dim_products.sql", "    product_name,", "    product_name::varchar(50) as product_name,"),
    ),
    _config(
        "a contract is no longer enforced", replace(f"{CUSTOMERS}/customers.yml", "enforced: true", "enforced: false")
    ),
    _config(
        "a description that is persisted changes",
        replace(f"{MECHANICS}/mechanics.yml", "description: The key.", "description: The identity."),
    ),
    _config(
        "a docs block that is persisted changes",
        replace("docs/orders.md", "Where the order is.", "How far the order has come."),
    ),
    _config(
        "persist_docs is switched on",
        replace(
            f"{FINANCE}/mart_revenue.sql",
            "select\n    date_trunc",
            "{{ config(persist_docs={'relation': true}) }}\nselect\n    date_trunc",
        ),
    ),
    _config(
        "the latest version changes in yml",
        replace(f"{CUSTOMERS}/customers.yml", "latest_version: 2", "latest_version: 1"),
    ),
    _config(
        "a tag that a graph loop reads changes", replace(f"{FINANCE}/finance.yml", "tags: [nightly]", "tags: [daily]")
    ),
    _config(
        "an on-run-start hook makes another function",
        replace("macros/hooks.sql", "{{ argument }} * 2", "{{ argument }} * 3"),
    ),
    _config(
        "an on-run-end hook grants on one table",
        replace(
            PROJECT,
            "  - \"insert into audit.runs values ('end')\"",
            (
                "  - \"insert into audit.runs values ('end')\"\n"
                '  - "grant insert on {{ target.schema }}.mart_revenue to accuracy_writer"'
            ),
        ),
    ),
)
