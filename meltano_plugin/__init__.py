"""Meltano utility: its definition and commands."""
