select id, note from side.notes
