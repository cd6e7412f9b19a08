select * from side.marks
