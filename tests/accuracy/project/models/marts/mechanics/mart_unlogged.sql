{{ config(unlogged=true) }}
select kind, count(*) as events from {{ ref('fct_events') }} group by kind
