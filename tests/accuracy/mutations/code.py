"""Edits of models' own files that change what is built."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, replace

STAGING, BETWEEN = "models/staging", "models/intermediate"
FINANCE, CUSTOMERS, MECHANICS = "models/marts/finance", "models/marts/customers", "models/marts/mechanics"


def _code(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="code", edits=edits)


MUTATIONS = (
    _code("a literal in a table changes", replace(f"{MECHANICS}/mart_stamped.sql", "'placed'", "'shipped'")),
    _code(
        "a literal changes in letter case only",
        replace(f"{MECHANICS}/mart_documented.sql", "'shipped'", "'Shipped'"),
    ),
    _code(
        "a column is added to a view", replace(f"{STAGING}/stg_events.sql", "    kind,\n", "    kind,\n    1 as one,\n")
    ),
    _code(
        "a view under select * gains a column",
        replace(f"{STAGING}/stg_customers.sql", "        city,\n", "        city,\n        1 as one,\n"),
    ),
    _code("an operator changes in a view", replace(f"{STAGING}/stg_orders.sql", ">=", ">")),
    _code(
        "columns change their order", replace(f"{MECHANICS}/mart_aliased.sql", "return_id, reason", "reason, return_id")
    ),
    _code(
        "a filter in an ephemeral model changes",
        replace(f"{BETWEEN}/int_item_totals.sql", "group by", "where quantity > 1\ngroup by"),
    ),
    _code(
        "the upper of two ephemeral models changes",
        replace(f"{BETWEEN}/int_order_totals.sql", "t.total\n", "t.total + 0 as total\n"),
    ),
    _code("only the incremental branch changes", replace(f"{FINANCE}/fct_orders.sql", "'3 days'", "'4 days'")),
    _code(
        "only the first branch of an incremental changes",
        replace(
            f"{FINANCE}/fct_events.sql",
            "{% if is_incremental() %}",
            "{% if not is_incremental() %}\nwhere event_id > 5\n{% endif %}\n{% if is_incremental() %}",
        ),
    ),
    _code(
        "both branches of an incremental change",
        replace(f"{FINANCE}/fct_orders.sql", "amount * 100 >=", "amount * 100 >"),
    ),
    _code(
        "an incremental gains a column",
        replace(f"{FINANCE}/fct_orders.sql", "amount, ordered_at", "amount, ordered_at, amount * 2 as doubled"),
    ),
    _code(
        "a materialized view's query changes",
        replace(f"{FINANCE}/mart_sales.sql", "orders\n", "orders + 1 as orders\n"),
    ),
    _code(
        "a contracted model's code changes",
        replace(f"{CUSTOMERS}/dim_products.sql", "['sku', 'category']", "['category', 'sku']"),
    ),
    _code("the latest version's code changes", replace(f"{CUSTOMERS}/dim_customers_v2.sql", "left join", "join")),
    _code(
        "the older version's code changes",
        replace(f"{CUSTOMERS}/dim_customers_v1.sql", "country_code\n", "upper(country_code) as country_code\n"),
    ),
    _code(
        "a Python model's code changes",
        replace(f"{MECHANICS}/mart_features.py", "orders * factor", "orders * factor + 1"),
    ),
    _code(
        "white space inside a string literal changes",
        replace(f"{BETWEEN}/int_status_labels.sql", "'unknown'", "'un known'"),
    ),
    _code(
        "a model that loops over a lookup table changes around the loop",
        replace(f"{BETWEEN}/int_status_labels.sql", "'unknown'", "'other'"),
    ),
    _code(
        "a quoted identifier changes its letter case",
        replace(f"{FINANCE}/mart_revenue_total.sql", "as revenue", 'as "Revenue"'),
    ),
    _code("a comment begins to hide a condition", replace(f"{STAGING}/stg_events.sql", "where kind", "-- where kind")),
    _code(
        "what looks like a comment is added inside a literal",
        replace(
            f"{MECHANICS}/mart_hooked.sql", "select order_id, status", "select order_id, status || '--x' as status"
        ),
    ),
    _code(
        "a Jinja expression changes what it renders",
        replace(f"{MECHANICS}/mart_looked_up.sql", "'formula_' ~ 'linear'", "'formula_' ~ 'square'"),
    ),
    _code(
        "one model and its descendant change together",
        replace(f"{STAGING}/stg_payments.sql", "    method,\n", "    upper(method) as method,\n"),
        replace(f"{FINANCE}/fct_payments.sql", "method, amount", "lower(method) as method, amount"),
    ),
)
