"""What of a parsed manifest may be kept, so that dbt can read it again as `--state`?

Everything that dbt writes itself, but for what differs from run to run, and for values of env vars and of --vars where
dbt has rendered them into free text. Names of relations are kept whatever they are made of, as in the warehouse itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_state_plugin.engine.dbt import Parsed

_METADATA = ("dbt_schema_version", "dbt_version", "project_name", "project_id", "adapter_type", "quoting")
_OF_A_RUN = frozenset({"created_at", "compiled", "compiled_code", "compiled_path", "build_path", "defer_relation"})
# Names, code as it stands in a file, and words of dbt's own: either nothing was rendered into them, or it is a name.
_NEVER_MASKED = frozenset(
    "unique_id name resource_type package_name path original_file_path root_path patch_path fqn alias database "
    "schema identifier relation_name source_name raw_code macro_sql language checksum depends_on refs sources "
    "metrics functions materialized unrendered_database unrendered_schema block_contents access strategy "
    "incremental_strategy on_schema_change on_configuration_change contract severity type maturity "
    "supported_languages doc_blocks dbt_schema_version dbt_version adapter_type".split()
)
_SHORTEST = 3  # shorter values stand everywhere by chance
_MASK = "***"


def kept_manifest(parsed: Parsed, *values: Any) -> str:
    """Return the manifest as JSON, the same for the same content, or nothing where it cannot be kept.

    `values` are those of env vars and of --vars, which must not be kept. Call it before dbt executes anything, which
    leaves notes in the manifest.
    """
    hidden = sorted({text for text in _texts(values) if len(text) >= _SHORTEST}, key=len, reverse=True)
    writable = parsed.manifest.writable_manifest()
    kept = without_values(writable.to_dict(omit_none=False, context={"artifact": True}), hidden)
    del writable  # each of these is as large as the manifest
    text = json.dumps(kept, sort_keys=True, default=str, ensure_ascii=False)
    del kept
    return text if _MASK not in text or _is_readable(text) else ""


def without_values(document: dict[str, Any], hidden: list[str]) -> dict[str, Any]:
    """Return a manifest without what belongs to one run, and with the hidden values masked in free text.

    The document is used up: a second one of its size would be held in memory besides dbt's own.
    """
    metadata = document.pop("metadata", None) or {}
    document.pop("disabled", None)
    kept: dict[str, Any] = {"metadata": {name: metadata.get(name) for name in _METADATA}, "disabled": {}}
    for name in list(document):
        group = document.pop(name)
        if isinstance(group, dict):
            group = dict(group)  # what dbt holds on to must not be used up
            kept[name] = {key: each for key in list(group) for each in _kept_of(key, group.pop(key), hidden)}
        else:
            kept[name] = _stripped(group, hidden)
    return kept


def _stripped(value: Any, hidden: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: each for name, item in value.items() for each in _kept_of(name, item, hidden)}
    if isinstance(value, (list, tuple)):
        return [_stripped(item, hidden) for item in value]
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, _MASK)
    return value


def _kept_of(name: str, item: Any, hidden: list[str]) -> list[Any]:
    """Return what is kept of one entry of a mapping: nothing or one value."""
    if name in _OF_A_RUN:
        return []
    return [item if name in _NEVER_MASKED and not isinstance(item, Mapping) else _stripped(item, hidden)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _is_readable(text: str) -> bool:
    from dbt.artifacts.schemas.manifest import WritableManifest

    try:
        WritableManifest.from_dict(json.loads(text))
    except Exception:  # whatever dbt's classes make of a masked value where they want a word of their own
        return False
    return True
