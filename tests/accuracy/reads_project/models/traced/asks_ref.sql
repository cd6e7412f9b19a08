{% set greatest = values_of('select max(id) from ' ~ ref('base')) %}
select {{ greatest[0] if greatest else 0 }} as greatest
