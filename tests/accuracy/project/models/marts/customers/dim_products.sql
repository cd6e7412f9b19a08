select
    product_id,
    sku,
    product_name,
    price_cents,
    {{ toolbox.hash_key(['sku', 'category']) }} as product_key
from {{ ref('stg_products') }}
