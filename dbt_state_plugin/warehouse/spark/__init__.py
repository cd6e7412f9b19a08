"""Spark as a warehouse, by the session method of dbt-spark."""
