"""A dbt project's own files, read without starting dbt."""
