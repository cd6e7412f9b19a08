"""Changes in the warehouse, while the project stays as it is."""

from __future__ import annotations

from typing import Any

from accuracy.mutation import Mutation


def _data(name: str, **statements: Any) -> Mutation:
    return Mutation(name=name, group="data", **statements)


MUTATIONS = (
    _data(
        "rows of a queried lookup table change",
        sources="update lookup.statuses set label = 'finished' where status = 'shipped'",
    ),
    _data("a queried lookup table gains a row", sources="insert into lookup.statuses values ('returned', 'back')"),
    _data(
        "a source is re-created with another column",
        sources=(
            "create table raw.kept as select *, 1 as extra from raw.returns; "
            "drop table raw.returns cascade; alter table raw.kept rename to returns"
        ),
    ),
    _data("a source is truncated", sources="truncate raw.returns"),
    _data(
        "rows are inserted into a source",
        sources="insert into raw.order_items select n, 1, 1, 1, 500 from generate_series(1001, 1010) as n",
    ),
    _data("rows are updated in a source", sources="update raw.products set price_cents = price_cents + 5"),
    _data("rows are deleted from a source", sources="delete from raw.payments where id > 90"),
    _data(
        "a source that a table reads directly changes",
        sources="update lookup.rates set rate = 1.2 where currency = 'usd'",
    ),
    _data("a column is added to a source", sources="alter table lookup.rates add column origin text default 'bank'"),
    _data("a table is dropped by hand", by_hand="drop table analytics.int_payments_star cascade"),
    _data("a table is dropped by hand with the views on it", by_hand="drop table analytics.mart_revenue cascade"),
    _data("a view is dropped by hand", by_hand="drop view analytics.mart_revenue_total"),
    _data(
        "a view is replaced by hand with another definition",
        by_hand=(
            "drop view analytics.mart_revenue_total; "
            "create view analytics.mart_revenue_total as select 0::numeric as revenue"
        ),
    ),
    _data(
        "a view is replaced in place by hand",
        by_hand=(
            "create or replace view analytics.mart_revenue_total as select sum(revenue) * 2 as revenue from "
            "analytics.mart_revenue"
        ),
    ),
    _data(
        "a table is rebuilt by hand with other rows",
        by_hand=(
            "create table analytics.kept as select * from analytics.mart_settings where false; "
            "drop table analytics.mart_settings; alter table analytics.kept rename to mart_settings"
        ),
    ),
    _data("a seed is dropped by hand", by_hand="drop table analytics_seeds.currencies cascade"),
    _data("a snapshot is dropped by hand", by_hand="drop table analytics_snapshots.snap_products cascade"),
)
