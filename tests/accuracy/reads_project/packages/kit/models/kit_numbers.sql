select n, n * {{ var('factor') }} as scaled from generate_series(1, 5) as n
