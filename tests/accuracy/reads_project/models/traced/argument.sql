select {{ applied(passed if not var('is_other', false) else not_passed, 'id') }} as result from {{ ref('base') }}
