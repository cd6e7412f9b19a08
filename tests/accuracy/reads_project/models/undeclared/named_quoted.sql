select "Id" as id from side."Mixed Case"
