select region, count(*) as cities, sum(population) as population
from {{ ref('cities') }}
group by region
