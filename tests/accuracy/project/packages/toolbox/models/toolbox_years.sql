select y as year_number, y % 4 = 0 as is_leap
from generate_series({{ var('first_year') }}, {{ var('last_year') }}) as y
