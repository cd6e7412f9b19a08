{{ config(materialized='incremental', unique_key='payment_id', incremental_strategy='delete+insert') }}

select payment_id, order_id, method, amount, paid_at
from {{ ref('stg_payments') }}
{% if is_incremental() %}
where {{ recent('paid_at', this, 2) }}
{% endif %}
