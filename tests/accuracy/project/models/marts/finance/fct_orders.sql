{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='order_id',
    on_schema_change='append_new_columns'
) }}

select order_id, customer_id, status, amount, ordered_at
from {{ ref('stg_orders') }}
where amount * 100 >= {{ var('minimum_amount') }}
{% if is_incremental() %}
  and ordered_at >= (select max(ordered_at) - interval '3 days' from {{ this }})
{% endif %}
