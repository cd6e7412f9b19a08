"""Connections to a state in an SQLite file."""
