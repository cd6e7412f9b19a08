select '{{ modules.datetime.date(2020, 1, 1) }}'::date as date, '{{ kit.date(2021, 1, 1) }}' as day
