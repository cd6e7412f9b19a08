{% snapshot snap_customers %}
{{ config(unique_key='customer_id', strategy='timestamp', updated_at='updated_at') }}
select customer_id, customer_name, email, updated_at from {{ ref('stg_customers') }}
{% endsnapshot %}
