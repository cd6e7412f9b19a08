select
    id as product_id,
    sku,
    name as product_name,
    price_cents,
    category
from {{ source('raw', 'products') }}
{% if target.name == 'ci' %}
where id <= 3
{% endif %}
