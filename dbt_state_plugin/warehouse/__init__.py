"""Warehouses: relations, identities and data versions. PostgreSQL first."""
