select customer_id, email
from {{ ref('dim_customers', v=1) }}
