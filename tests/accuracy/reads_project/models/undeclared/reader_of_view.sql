select count(*) as notes from {{ ref('named_view') }}
