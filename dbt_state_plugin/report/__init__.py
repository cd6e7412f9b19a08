"""The same decisions as text, JSON, dbt selectors and names."""
