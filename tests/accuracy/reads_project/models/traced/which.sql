{% if flags.WHICH == 'compile' %}{{ log('only when compiling') }}{% endif %}
select '{{ flags.WHICH }}' as command
