select customer_id, {{ applied(score_of, 'total') }} as score
from {{ ref('int_customer_orders') }}
