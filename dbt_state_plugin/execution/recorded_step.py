"""`RecordedStep` under its earlier name; use `dbt_state_plugin.RecordedStep`."""

from dbt_state_plugin.api import RecordedStep as RecordedStep
