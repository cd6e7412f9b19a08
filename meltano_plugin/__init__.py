"""The place of dbt-state-plugin in Meltano: its definition, and how Meltano's world is told to the command line."""
