"""Output of decisions as text, JSON, Markdown, HTML and dbt selectors."""
