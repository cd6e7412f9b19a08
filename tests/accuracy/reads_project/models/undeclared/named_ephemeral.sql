{{ config(materialized='ephemeral') }}
select id, name from side.people
