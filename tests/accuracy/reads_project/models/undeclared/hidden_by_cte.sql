with settings as (select 'cte' as k)
select k from settings
