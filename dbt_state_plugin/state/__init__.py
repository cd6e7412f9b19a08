"""The state: lock, executions, relations, intents and scripts' books."""
