{{ config(persist_docs={'relation': true, 'columns': true}) }}
select order_id, status from {{ ref('stg_orders') }} where status = 'shipped'
