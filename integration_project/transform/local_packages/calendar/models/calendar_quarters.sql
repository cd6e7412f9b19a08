select
    date_trunc('quarter', month)::date as quarter,
    count(*) as month_count
from {{ ref('calendar_months') }}
group by 1
