select count(*) as people from {{ ref('named_ephemeral') }}
