select id, side.rated(id) as rated from {{ ref('base') }}
