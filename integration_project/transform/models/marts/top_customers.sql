{{ config(materialized='view') }}

select customer_id, customer_name, lifetime_amount
from {{ ref('customers') }}
where order_count > 0
order by lifetime_amount desc, customer_id
limit 5
