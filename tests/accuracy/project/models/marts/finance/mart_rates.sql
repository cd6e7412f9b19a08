select r.*, c.symbol
from {{ source('lookup', 'rates') }} as r
join {{ ref('currencies') }} as c on c.code = r.currency
