{{ config(materialized='stamped_table', stamp='blue') }}
select order_id from {{ ref('stg_orders') }} where status = 'placed'
