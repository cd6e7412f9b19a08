{% set statuses = source('lookup', 'statuses') %}
select
    order_id,
    case status
    {%- for status, label in pairs_of(statuses, 'status', 'label') %}
        when '{{ status }}' then '{{ label }}'
    {%- endfor %}
        else 'unknown'
    end as label
from {{ ref('stg_orders') }}
