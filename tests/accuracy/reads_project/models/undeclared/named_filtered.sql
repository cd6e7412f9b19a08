select note from side.notes where id = 1
