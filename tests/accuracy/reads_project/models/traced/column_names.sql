select c.context, c.thread_id, c.run_started_at, c.invocation_id::date as date
from (select 'x' as context, 1 as thread_id, 2 as run_started_at, '2024-01-01' as invocation_id) as c -- now()
