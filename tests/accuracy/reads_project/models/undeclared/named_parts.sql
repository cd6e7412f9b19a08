select area, count(*) as n from side.parts group by area
