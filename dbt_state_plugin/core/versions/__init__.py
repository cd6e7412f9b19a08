"""Data versions of sources and drift of relations."""
