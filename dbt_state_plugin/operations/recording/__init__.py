"""Recording of dbt's own builds: handed-out plans and their results."""
