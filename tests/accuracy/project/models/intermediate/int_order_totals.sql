{{ config(materialized='ephemeral') }}
select o.order_id, o.customer_id, o.ordered_at, t.items, t.total
from {{ ref('stg_orders') }} as o
join {{ ref('int_item_totals') }} as t on t.order_id = o.order_id
