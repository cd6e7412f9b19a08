select customer_id, count(*) as versions
from {{ ref('snap_customers') }}
group by customer_id
