select {% if var.has_var('extra_column') %}1{% else %}0{% endif %} as has_it
