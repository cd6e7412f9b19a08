select {{ star(ref('stg_payments'), except=['paid_at']) }}
from {{ ref('stg_payments') }}
