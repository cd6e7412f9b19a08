select id, side.half(id) as half from {{ ref('base') }}
