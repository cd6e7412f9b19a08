with settings as (select k from settings)
select upper(k) as k from settings
