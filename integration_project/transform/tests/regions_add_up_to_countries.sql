select difference
from (
    select
        (select sum(revenue) from {{ ref('revenue_by_country') }})
        - (select sum(revenue) from {{ ref('revenue_by_region') }}) as difference
) as sums
where difference <> 0
