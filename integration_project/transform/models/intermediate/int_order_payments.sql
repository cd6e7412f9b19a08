select
    payments.order_id,
    sum(payments.amount) as amount,
    sum({{ rounding('payments.amount * payment_methods.fee_percent * 0.01') }}) as fee
from {{ ref('stg_payments') }} as payments
inner join {{ ref('payment_methods') }} as payment_methods on payment_methods.method = payments.method
group by payments.order_id
