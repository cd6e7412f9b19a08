"""Differences between definitions, and their categories."""
