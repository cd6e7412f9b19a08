{{ config(materialized='incremental', unique_key='id') }}
select id, name from {{ ref('base') }}
{% if is_incremental() %}
where id >= (select least from side.limits)
{% endif %}
