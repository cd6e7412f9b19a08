"""dbt in this process. The only folder that imports dbt."""
