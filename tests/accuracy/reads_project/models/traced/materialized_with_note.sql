{{ config(materialized='noted') }}
select id from {{ ref('base') }}
