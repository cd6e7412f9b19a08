{% set names = [] %}
{% if execute %}
  {% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') %}
    {% if 'nightly' in node.tags %}{% do names.append(node.name) %}{% endif %}
  {% endfor %}
{% endif %}
select '{{ names | join(",") }}' as nightly_models
