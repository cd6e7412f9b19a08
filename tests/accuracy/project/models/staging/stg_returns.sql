{{ config(security_barrier=true) }}
select id as return_id, order_id, reason
from {{ source('raw', 'returns') }}
