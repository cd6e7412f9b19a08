select {{ sized('name') }} as size from {{ ref('base') }}
