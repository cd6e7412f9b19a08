{{ config(materialized='ephemeral') }}
select order_id, sum(quantity) as items, sum(quantity * price) as total
from {{ ref('stg_order_items') }}
group by order_id
