select * from {{ ref('stg_customers') }} where is_active
