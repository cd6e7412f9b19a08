select {% if var('shows_region', false) %}'{{ region() }}'{% else %}'-'{% endif %} as region
