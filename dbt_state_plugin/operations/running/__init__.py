"""A recorded run of dbt."""
