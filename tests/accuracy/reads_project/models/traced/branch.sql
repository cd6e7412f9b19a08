select id, {% if var('is_fancy', false) %}{{ fancy('name') }}{% else %}{{ plain('name') }}{% endif %} as name from {{ ref('base') }}
