select id, {{ kit.scaled('id') }} as scaled, {{ kit.labelled('name') }} as label from {{ ref('base') }}
