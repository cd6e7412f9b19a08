"""What a dbt project's own files say, read without starting dbt."""
