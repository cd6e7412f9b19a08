select month, {{ convert('revenue', var('currency')) }} as revenue
from {{ ref('mart_revenue') }}
