"""Names of an earlier layout, kept for one release."""
