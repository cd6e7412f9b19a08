{{ config(materialized='view') }}
select {{ var('own') }} as own, {{ target.schema | length }} as n
