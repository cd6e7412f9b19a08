select {{ tables_like('ev_') | length }} as n
