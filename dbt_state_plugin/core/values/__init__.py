"""Frozen values that all rooms share."""
