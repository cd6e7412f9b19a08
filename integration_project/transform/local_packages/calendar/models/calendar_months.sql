select {{ month_of('moment') }} as month
from generate_series(
    '{{ var("calendar_first_month") }}'::timestamp,
    '{{ var("calendar_first_month") }}'::timestamp + interval '{{ var("calendar_months") - 1 }} months',
    interval '1 month'
) as moments(moment)
