select {% if var('shows_target', false) %}{{ target.connect_timeout }}{% else %}0{% endif %} as timeout
