"""`Settings` under its earlier name; use `dbt_state_plugin.Settings`."""

from dbt_state_plugin.api import Settings as Settings
