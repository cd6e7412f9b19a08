{{ config(materialized='view') }}
select sum(revenue) as revenue from {{ ref('mart_revenue') }}
