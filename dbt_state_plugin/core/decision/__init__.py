"""Decision rule: which nodes must be built, and why."""
