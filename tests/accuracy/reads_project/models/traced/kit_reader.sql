select sum(next_n) as n from {{ ref('kit_optional') }}
