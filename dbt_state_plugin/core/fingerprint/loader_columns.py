"""Nodes that name a loader's own columns, such as `_sdc_batched_at` or `_dlt_load_id`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.core.config.source_config import LOADER_COLUMNS, column_pattern
from dbt_state_plugin.core.fingerprint.parts import Code, DefinitionParts
from dbt_state_plugin.core.values.definition import MacroDefinition, NodeDefinition

# The other parts hold names of relations, versions and flags.
_PARTS = ("body", "config", "variables", "macros", "materialization", "contract", "hooks")


class LoaderColumns:
    """Look for the loader's columns in all that decides the SQL of a node."""

    def __init__(self, settings: Iterable[Mapping[str, Any]]) -> None:
        """Take the names from the settings of all sources, and those that known loaders write."""
        names = set(LOADER_COLUMNS)
        for said in settings:
            listed = said.get("loader_columns")
            names |= {str(name) for name in listed} if isinstance(listed, (list, tuple)) else set()
        self.names = sorted(names)
        self._pattern = column_pattern(names)
        self._found: dict[str, bool] = {}

    def are_named_in(self, node: NodeDefinition, parts: DefinitionParts) -> bool:
        """Return whether a node's code, its macros, vars or config name one, or it compares all columns of its rows."""
        config = node.attributes.get("config") or {}
        if node.resource_type == "snapshot" and config.get("check_cols") == "all":
            return True
        return any(self._is_in(value) for part in _PARTS for value in parts.parts.get(part, {}).values())

    def _is_in(self, value: Any) -> bool:
        if isinstance(value, MacroDefinition):
            if value.unique_id not in self._found:
                self._found[value.unique_id] = bool(self._pattern.search(value.code))
            return self._found[value.unique_id]
        return bool(self._pattern.search(value.text if isinstance(value, Code) else str(value)))
