select
    id as order_item_id,
    order_id,
    product_id,
    quantity,
    {{ toolbox.cents_to_money('price_cents', 3) }} as price
from {{ source('raw', 'order_items') }}
