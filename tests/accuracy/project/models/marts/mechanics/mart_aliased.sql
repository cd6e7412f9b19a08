{{ config(alias='nice_name', schema='extra') }}
select return_id, reason from {{ ref('stg_returns') }}
