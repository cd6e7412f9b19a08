"""The manifest.json with which dbt reads another environment's relations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.dbt_runner.parse import Parsed

_EMPTIED = (
    *("sources", "macros", "docs", "exposures", "metrics", "groups", "selectors", "disabled", "parent_map"),
    *("child_map", "group_map", "saved_queries", "semantic_models", "unit_tests", "functions"),
)


def write_deferral(folder: Path, parsed: Parsed, relations: Mapping[str, RelationName]) -> None:
    """Write a manifest of exactly these nodes, each with the relation that is to be read in its place."""
    document = parsed.manifest.writable_manifest().to_dict(omit_none=False, context={"artifact": True})
    nodes = {}
    for unique_id, relation in relations.items():
        place = {
            "database": relation.database,
            "schema": relation.schema,
            "alias": relation.identifier,
            "relation_name": str(relation),
        }
        nodes[unique_id] = {**document["nodes"][unique_id], **place}
    document |= {name: {} for name in _EMPTIED if name in document} | {"nodes": nodes}
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("manifest.json").write_text(json.dumps(document, default=str), encoding="utf-8")
