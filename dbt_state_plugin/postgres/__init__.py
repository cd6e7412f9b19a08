"""Connections to PostgreSQL servers."""
