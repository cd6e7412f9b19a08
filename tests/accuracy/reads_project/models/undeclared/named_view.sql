{{ config(materialized='view') }}
select id, note from side.notes where id < 100
