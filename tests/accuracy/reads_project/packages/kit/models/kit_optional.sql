{{ config(enabled=var('kit_optional', true)) }}
select n + 1 as next_n from {{ ref('kit_numbers') }}
