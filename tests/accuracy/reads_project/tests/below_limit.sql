select id from {{ ref('base') }} where id > {{ var('test_limit', 38) }}
