"""The state in PostgreSQL: connection, schema, lock, executions, relations and the bookkeeping of scripts."""
