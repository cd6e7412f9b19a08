"""Plans, comparisons and executions as Markdown for pull requests."""
