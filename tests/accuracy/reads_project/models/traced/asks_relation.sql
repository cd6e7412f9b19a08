select {% if optional('sometimes') is none %}0{% else %}(select count(*) from side.sometimes){% endif %} as n
