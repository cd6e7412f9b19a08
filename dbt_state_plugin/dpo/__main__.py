"""Run the drop-in for the data pipeline orchestrator with `python -m dbt_state_plugin.dpo`."""

from __future__ import annotations

from dbt_state_plugin.cli.dpo import main

if __name__ == "__main__":
    main()
