select id from {{ ref('base') }} where id >= (select least from side.limits)
