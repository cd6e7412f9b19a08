select
    id as event_id,
    customer_id,
    kind,
    happened_at
from {{ source('raw', 'events') }}
where kind <> '{{ env_var("SHOP_IGNORED_EVENT", "none") }}'
