{{ config(materialized='view' if target.type == 'duckdb' else 'materialized_view') }}

select order_id, customer_id, status, amount
from {{ ref('orders') }}
where status in ('placed', 'shipped')
