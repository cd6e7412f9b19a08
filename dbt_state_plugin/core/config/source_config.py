"""Source config: how new data are detected; maximum age of builds.

It is set in `meta: {dbt_state_plugin: {...}}` of the node; dbt itself merges it from dbt_project.yml, the source and
the table, the most specific last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dbt_state_plugin.core.config.node_config import (
    cutoff_max_rows,
    cutoff_rule,
    is_strict,
    nearest,
    on_logic_change,
    volatile_rule,
    wrong_setting,
)
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.errors import ConfigurationError

LAST_MODIFIED = "last_modified"
KINDS = ("touched", "content", "query", LAST_MODIFIED, "always", "never")
SOURCE_SETTINGS = ("data_version", "data_version_query", "loader_columns", "content_max_rows")
NODE_SETTINGS = (
    *("on_logic_change", "volatile", "drift", "data_version", "max_age", "loader_columns"),
    *("cutoff", "cutoff_max_rows"),
)
_OF_DBT = ("loaded_at_field", "loaded_at_query")  # dbt's own, which are beside `meta`
PROJECT_KINDS = ("touched", "content", "always", "never")
NODE_KINDS = ("touched", "content")
SETTING = "DBT_STATE_PLUGIN_DATA_VERSION"
# What Singer targets write beside a row, and move although the row is the same. `_sdc_deleted_at` is not among them: it
# says that the row is gone; neither are the keys of nested tables.
SINGER_COLUMNS = (
    "_sdc_batched_at",
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_sequence",
    "_sdc_sync_started_at",
    "_sdc_table_version",
)
# The same of dlt, Airbyte and Fivetran. `_dlt_parent_id`, `_airbyte_data` and `_fivetran_deleted` are not among them.
OTHER_LOADER_COLUMNS = (
    "_dlt_load_id",
    "_dlt_id",
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
    "_airbyte_loaded_at",
    "_airbyte_ab_id",
    "_airbyte_emitted_at",
    "_airbyte_normalized_at",
    "_fivetran_synced",
)
LOADER_COLUMNS = SINGER_COLUMNS + OTHER_LOADER_COLUMNS
CONTENT_MAX_ROWS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRule:
    """How one source's data are versioned.

    `kind` is one of KINDS, or empty if nothing is configured. `query` is the user's SQL, or dbt's; `loaded_at` an
    expression of SQL. `loader_columns` are names of columns, in which `*` matches any characters.
    """

    kind: str = ""
    query: str = ""
    loaded_at: str = ""
    loader_columns: tuple[str, ...] = LOADER_COLUMNS
    content_max_rows: int = CONTENT_MAX_ROWS

    @property
    def can_ask(self) -> bool:
        """Return whether there is SQL that says how new the data are."""
        return bool(self.query or self.loaded_at)


def plugin_settings(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return this tool's settings in a node's attributes in the manifest; the most specific comes last and wins.

    Raises ConfigurationError where it is no mapping.
    """
    config = attributes.get("config") or {}
    found: dict[str, Any] = {}
    for meta in (attributes.get("source_meta"), config.get("meta"), attributes.get("meta")):
        said = meta.get("dbt_state_plugin") if isinstance(meta, Mapping) else None
        if said is None:
            continue
        if not isinstance(said, Mapping):
            raise ConfigurationError(
                f"meta.dbt_state_plugin of {attributes.get('unique_id')} is not a mapping.",
                "Write it like meta: {dbt_state_plugin: {data_version: content}}.",
            )
        found |= {str(name): _plain(value) for name, value in said.items()}
    for name in ("loaded_at_field", "loaded_at_query"):
        value = attributes.get(name) or config.get(name)
        if value:
            found[name] = str(value)
    return found


def _plain(value: Any) -> Any:
    """Return a value of YAML as JSON can hold it; a date, say, becomes a text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def project_rule(setting: str) -> str:
    """Return the kind for all sources without a setting; raises ConfigurationError."""
    if setting and setting not in PROJECT_KINDS:
        raise ConfigurationError(
            f"{SETTING} is {setting!r}, which is not a data version.", f"Use one of {', '.join(PROJECT_KINDS)}."
        )
    return setting


def data_rule(node: Node, default: str = "") -> DataRule:
    """Return the rule of a source; raises ConfigurationError for a value that cannot be used."""
    settings = node.settings
    query = _text(node, "data_version_query") or str(settings.get("loaded_at_query") or "")
    rule = DataRule(
        kind=_kind(node, KINDS) or default,
        query=query,
        loaded_at="" if query else str(settings.get("loaded_at_field") or ""),
        loader_columns=loader_columns(node),
        content_max_rows=_rows(node),
    )
    if rule.kind == "query" and not rule.can_ask:
        raise wrong_setting(
            node, "data_version is query, but there is no query", "Add data_version_query: select max(...)."
        )
    return DataRule(kind=LAST_MODIFIED) if rule.kind == LAST_MODIFIED else rule  # nothing else of it counts then


def compares_content(node: Node) -> bool:
    """Return whether a built node is to keep its data version when its rows are equal; raises ConfigurationError."""
    return _kind(node, NODE_KINDS) == "content"


def loader_columns(node: Node) -> tuple[str, ...]:
    """Return the columns that a loader moves although the row is the same; raises ConfigurationError."""
    value = node.settings.get("loader_columns")
    if value is None:
        return LOADER_COLUMNS
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) and name for name in value):
        raise wrong_setting(
            node, "loader_columns is not a list of names", "Write it like loader_columns: ['_airbyte_*']."
        )
    return tuple(value)


def max_age_hours(node: Node) -> float | None:
    """Return the maximum age of a build in hours, or None for any age; raises ConfigurationError."""
    value = node.settings.get("max_age")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise wrong_setting(node, f"max_age is {value!r}", "Give it a number of hours, such as 24 or 0.5.")
    return float(value)


def check_settings(project: Project, default: str = "") -> None:
    """Raise ConfigurationError for the first invalid setting of the project, in the order of names."""
    for node in sorted(project.nodes.values(), key=lambda node: node.unique_id):
        if not node.settings:
            continue
        _check_names(node)
        if node.resource_type == "source":
            data_rule(node, default)
        else:
            compares_content(node)
            max_age_hours(node)
            on_logic_change(node, None)
            volatile_rule(node, None)
            is_strict(node, None)
            cutoff_rule(node, None)
            cutoff_max_rows(node)


def _check_names(node: Node) -> None:
    is_source = node.resource_type == "source"
    known, others = (SOURCE_SETTINGS, NODE_SETTINGS) if is_source else (NODE_SETTINGS, SOURCE_SETTINGS)
    here = "A source has the settings" if is_source else "What is built has the settings"
    for name in node.settings:
        if name in others and name not in known:
            there = "what is built" if is_source else "sources"
            raise wrong_setting(node, f"{name} is a setting of {there}", f"{here} {', '.join(known)}.")
        if name not in known and name not in _OF_DBT:
            raise wrong_setting(node, f"there is no setting {name!r}", nearest(name, known, here))


def column_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of these columns as a word."""
    words = "|".join(r"\w*".join(re.escape(piece) for piece in name.split("*")) for name in sorted(set(names)))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)", re.IGNORECASE)


def kept_columns(rule: DataRule, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that are not the loader's."""
    pattern = column_pattern(rule.loader_columns)
    return tuple(name for name in columns if not pattern.fullmatch(name))


def shape_columns(rule: DataRule, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of which one more or one less is a change.

    Of loaders that became known in a later release, all columns count, so that records of their tables stay valid.
    """
    is_default = rule.loader_columns == LOADER_COLUMNS
    return kept_columns(replace(rule, loader_columns=SINGER_COLUMNS) if is_default else rule, columns)


def is_loaded_by_known_loader(columns: Iterable[str]) -> bool:
    """Return whether a Singer target, dlt, Airbyte or Fivetran wrote a table, by the columns that it has."""
    return not set(LOADER_COLUMNS).isdisjoint(columns)


def _kind(node: Node, kinds: tuple[str, ...]) -> str:
    value = node.settings.get("data_version")
    if value is None:
        return ""
    if value not in kinds:
        raise wrong_setting(node, f"data_version is {value!r}", nearest(value, kinds))
    return str(value)


def _text(node: Node, name: str) -> str:
    value = node.settings.get(name)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise wrong_setting(
            node, f"{name} is not text", "Write one statement of SQL, such as select max(updated_at) from ..."
        )
    return (value or "").strip().rstrip(";")


def _rows(node: Node) -> int:
    value = node.settings.get("content_max_rows", CONTENT_MAX_ROWS)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong_setting(node, f"content_max_rows is {value!r}", "Give it a whole number of rows, such as 10000000.")
    return int(value)
