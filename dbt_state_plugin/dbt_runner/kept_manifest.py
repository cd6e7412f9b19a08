"""The part of a parsed manifest that may be stored.

Everything that dbt writes itself, except for what differs from run to run, and for values of env vars and of --vars
where dbt has rendered them into free text. Names of relations are kept whatever they are made of, as in the warehouse
itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.fingerprint.fingerprint import strings_in

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.parse import Parsed

_METADATA = ("dbt_schema_version", "dbt_version", "project_name", "project_id", "adapter_type", "quoting")
_OF_A_RUN = ("created_at", "compiled", "compiled_code", "compiled_path", "build_path", "defer_relation")
_OF_IDS = frozenset({"parent_map", "child_map", "group_map"})
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
    """Return the manifest as JSON, the same for the same content, or nothing if it cannot be kept.

    `values` are those of env vars and of --vars, which must not be kept. Call it before dbt executes anything, which
    leaves notes in the manifest.
    """
    hidden = sorted({text for text in strings_in(values) if len(text) >= _SHORTEST}, key=len, reverse=True)
    writable = parsed.manifest.writable_manifest()
    document = writable.to_dict(omit_none=False, context={"artifact": True})
    del writable  # each of these is as large as the manifest
    text, masked = without_values(document, hidden)
    return text if not masked or _is_readable(json.loads(text), masked) else ""


def without_values(document: dict[str, Any], hidden: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """Return a manifest as JSON without what belongs to one run, and with the hidden values masked in free text.

    Tells in which groups and entries something was masked. The document is used up: a second one of its size would be
    held in memory besides dbt's own.
    """
    metadata = document.pop("metadata", None) or {}
    groups = {"metadata": _json({name: metadata.get(name) for name in _METADATA}), "disabled": "{}"}
    document.pop("disabled", None)
    spelled = [_json(value)[1:-1] for value in hidden]  # as they stand in JSON
    masked: list[tuple[str, str]] = []
    for name in list(document):
        group = document.pop(name)
        if not isinstance(group, Mapping):
            groups[name] = _json(_masked(group, hidden))
            continue
        looked_for = () if name in _OF_IDS else spelled
        entries = []
        for key, entry in sorted(group.items()):
            if isinstance(entry, Mapping):
                entry = {part: value for part, value in entry.items() if part not in _OF_A_RUN}
            text = before = _json(entry)
            if any(value in text for value in looked_for):
                text = _json(_masked(entry, hidden))
            masked += [(name, key)] if text != before else []
            entries.append(f"{_json(str(key))}: {text}")
        groups[name] = "{" + ", ".join(entries) + "}"
    return "{" + ", ".join(f"{_json(name)}: {groups[name]}" for name in sorted(groups)) + "}", masked


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def _masked(value: Any, hidden: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: item if name in _NEVER_MASKED and not isinstance(item, Mapping) else _masked(item, hidden)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(item, hidden) for item in value]
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, _MASK)
    return value


def _is_readable(document: dict[str, Any], masked: list[tuple[str, str]]) -> bool:
    """Return whether dbt can read the entries in which something was masked, each by itself."""
    from dbt.artifacts.schemas.manifest import WritableManifest

    part = {name: {} if isinstance(group, dict) else group for name, group in document.items()}
    part["metadata"] = document["metadata"]
    for name, key in masked:
        part[name][key] = document[name][key]
    try:
        WritableManifest.from_dict(part)
    except Exception:  # whatever dbt's classes make of a masked value where they want a word of their own
        return False
    return True
