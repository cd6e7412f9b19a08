select * from {{ ref('fct_orders') }} order by amount desc limit 10
