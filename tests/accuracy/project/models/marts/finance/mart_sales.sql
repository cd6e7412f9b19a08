{{ config(materialized='materialized_view', indexes=[{'columns': ['month']}]) }}
select month, revenue, orders
from {{ ref('mart_revenue') }}
