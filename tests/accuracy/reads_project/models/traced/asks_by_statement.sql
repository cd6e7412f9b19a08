{%- call statement('asked', fetch_result=True) -%}select min(word) from side.asked{%- endcall -%}
{% set found = load_result('asked') %}
select '{{ found["data"][0][0] if found else "" }}' as word
