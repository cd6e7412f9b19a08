"""The Meltano utility: what Meltano knows, handed to the public surface of dbt_state_plugin."""
