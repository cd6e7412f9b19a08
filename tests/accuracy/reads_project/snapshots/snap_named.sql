{% snapshot snap_named %}
{{ config(unique_key='id', strategy='check', check_cols=['name'], meta={'reads': ['side.people']}) }}
select id, name from side.people
{% endsnapshot %}
