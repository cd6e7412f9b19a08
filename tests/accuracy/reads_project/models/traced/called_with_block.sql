select {% call wrapped() %}1 + 1{% endcall %} as result
