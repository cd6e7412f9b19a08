select
    date_trunc('month', ordered_at) as month,
    {{ revenue('amount') }} as revenue,
    count(*) as orders
from {{ ref('fct_orders') }}
group by 1
