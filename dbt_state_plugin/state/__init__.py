"""The state: lock, executions, relations, intents and bookkeeping of scripts."""
