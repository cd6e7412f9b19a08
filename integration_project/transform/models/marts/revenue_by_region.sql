select
    countries.region,
    sum(revenue_by_country.order_count) as order_count,
    sum(revenue_by_country.revenue) as revenue
from {{ ref('revenue_by_country') }} as revenue_by_country
inner join {{ ref('countries') }} as countries on countries.country_code = revenue_by_country.country_code
group by countries.region
