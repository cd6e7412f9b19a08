select
    id as payment_id,
    order_id,
    method,
    {{ money('amount_cents') }} as amount
from {{ source('raw', 'payments') }}
