"""Run the command line with `python -m dbt_state_plugin`."""

from __future__ import annotations

from dbt_state_plugin.cli.entry import main

if __name__ == "__main__":
    main()
