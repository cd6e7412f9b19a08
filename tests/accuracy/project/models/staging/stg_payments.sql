{{ config(
    materialized='table',
    indexes=[{'columns': ['payment_id'], 'unique': true}, {'columns': ['order_id']}],
    grants={'select': ['accuracy_reader']}
) }}

select
    id as payment_id,
    order_id,
    method,
    {{ toolbox.cents_to_money('amount_cents') }} as amount,
    paid_at
from {{ source('raw', 'payments') }}
