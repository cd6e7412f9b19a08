"""The drop-in for the data pipeline orchestrator."""
