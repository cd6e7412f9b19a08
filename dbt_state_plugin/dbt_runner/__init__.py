"""dbt itself: parsing, listing and running in this process. Only `engine.dbt` touches dbt's Python internals."""
