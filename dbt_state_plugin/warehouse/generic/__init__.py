"""Warehouses of any other type."""
