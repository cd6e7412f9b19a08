"""Warehouses: relations, identities and data versions."""
