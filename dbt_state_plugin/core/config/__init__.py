"""What a project configures for this tool in `meta`."""
