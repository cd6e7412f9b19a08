"""Planning: what would be built, and why."""
