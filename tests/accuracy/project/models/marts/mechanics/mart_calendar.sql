select y.year_number, {{ toolbox.padded('w.day_name') }} as day_name
from {{ ref('toolbox', 'toolbox_years') }} as y
cross join {{ ref('toolbox_weekdays') }} as w
