select c.customer_id, c.customer_name, c.email, n.country_name
from {{ ref('stg_customers') }} as c
left join {{ ref('countries') }} as n on n.code = c.country_code
