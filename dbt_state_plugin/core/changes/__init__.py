"""Differences between definitions, and what they amount to."""
