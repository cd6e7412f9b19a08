"""Comparison with another environment, execution or manifest."""
