select
    payment_methods.method,
    payment_methods.label,
    count(payments.payment_id) as payment_count,
    coalesce(sum(payments.amount), 0) as amount
from {{ ref('payment_methods') }} as payment_methods
left join {{ ref('stg_payments') }} as payments on payments.method = payment_methods.method
group by payment_methods.method, payment_methods.label
