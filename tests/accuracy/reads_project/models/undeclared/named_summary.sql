select n from side.summary
