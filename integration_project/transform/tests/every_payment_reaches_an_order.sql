select difference
from (
    select
        (select sum(amount) from {{ ref('stg_payments') }})
        - (select sum(amount) from {{ ref('orders') }}) as difference
) as sums
where difference <> 0
