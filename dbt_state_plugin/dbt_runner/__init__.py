"""dbt in this process: the only package that imports dbt."""
