"""Executions, steps and checksums for scripts."""
