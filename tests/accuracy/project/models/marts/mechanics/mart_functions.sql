select order_id, {{ target.schema }}.doubled(order_id) as doubled from {{ ref('stg_orders') }}
