select word as status, code as label from {{ ref('kit_words') }}
