{# An amount in cents as an amount of money. #}
{% macro money(cents) %}{{ cents_to_units(cents) }}{% endmacro %}

{% macro cents_to_units(cents) %}{{ rounding(cents ~ ' * 0.01') }}{% endmacro %}

{% macro rounding(expression) %}round({{ expression }}, 2){% endmacro %}
