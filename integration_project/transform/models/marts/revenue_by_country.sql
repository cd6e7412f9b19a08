select
    countries.country_code,
    countries.country_name,
    count(orders.order_id) as order_count,
    coalesce(sum(orders.amount), 0) as revenue
from {{ ref('countries') }} as countries
left join {{ ref('customers') }} as customers on customers.country_code = countries.country_code
left join {{ ref('orders') }} as orders
    on orders.customer_id = customers.customer_id and orders.status <> 'returned'
group by countries.country_code, countries.country_name
