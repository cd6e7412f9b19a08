{# An amount in cents as an amount of money. #}
{% macro money(cents) %}{{ cents_to_units(cents) }}{% endmacro %}

{% macro cents_to_units(cents) %}{{ rounding(cents ~ ' / 100.0') }}{% endmacro %}

{% macro rounding(expression) %}round({{ expression }}, 2){% endmacro %}
