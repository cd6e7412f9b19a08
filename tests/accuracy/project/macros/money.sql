{% macro revenue(column) -%}
    sum({{ net(column) }})
{%- endmacro %}

{% macro net(column) -%}
    {{ column }} * {{ net_factor() }}
{%- endmacro %}

{% macro net_factor() %}{{ return(env_var('SHOP_NET', '0.81')) }}{% endmacro %}

{% macro convert(column, currency) -%}
    {{ adapter.dispatch('convert', 'shop')(column, currency) }}
{%- endmacro %}

{% macro default__convert(column, currency) -%}
    {{ column }}
{%- endmacro %}

{% macro postgres__convert(column, currency) -%}
    round({{ column }} * {{ {'eur': 1, 'usd': 1.1, 'jpy': 160}[currency] }}, 2)
{%- endmacro %}
