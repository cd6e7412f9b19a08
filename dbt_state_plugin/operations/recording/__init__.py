"""Recording of what dbt built by itself: plans that are handed out, and results that are recorded."""
