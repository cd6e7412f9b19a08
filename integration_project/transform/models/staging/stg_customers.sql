select
    id as customer_id,
    name as customer_name,
    lower(email) as email,
    country_code
from {{ source('raw', 'customers') }}
