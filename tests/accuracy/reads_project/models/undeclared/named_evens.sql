select id from side.evens
