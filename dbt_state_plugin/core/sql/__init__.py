"""SQL as text: same statement, deterministic, volatile calls."""
