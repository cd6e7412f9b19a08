{% set names = [] %}
{% if execute %}{% for exposure in graph.exposures.values() %}{% do names.append(exposure.name) %}{% endfor %}{% endif %}
select '{{ names | sort | join(",") }}' as exposures
