"""Configuration of this tool in a project's `meta`."""
