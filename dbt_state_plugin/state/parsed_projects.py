"""The parsed project, and the inputs it came from."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.state.state import State

_READ = "SELECT inputs_digest, places, project FROM {state}.project_snapshot WHERE environment_id = %s"
_WRITE = """
    INSERT INTO {state}.project_snapshot AS s (environment_id, inputs_digest, places, project) VALUES (%s, %s, %s, %s)
    ON CONFLICT (environment_id) DO UPDATE SET inputs_digest = excluded.inputs_digest, places = excluded.places,
        project = excluded.project, up_to_date = excluded.up_to_date, recorded_at = clock_timestamp(),
        manifest_id = NULL
    WHERE s.inputs_digest <> excluded.inputs_digest
"""


_WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedProject:
    """Hold a parsed project with the digest of the inputs that it was parsed from; `places` say where those are."""

    inputs_digest: str
    places: Mapping[str, Any]
    packed: bytes

    def project(self) -> Project:
        """Return the project; its nodes have no raw code. Raises ValueError when the row is not as it was written."""
        if self.places.get(_WHOLE) != _digest(self.places, self.packed):
            raise ValueError("the row was edited by hand")
        return _project(json.loads(zlib.decompress(self.packed)))


def read_parsed_project(state: State) -> ParsedProject | None:
    """Return what is recorded for the environment, or None."""
    rows = state.rows(_READ, (state.environment_id,))
    return ParsedProject(inputs_digest=rows[0][0], places=rows[0][1], packed=bytes(rows[0][2])) if rows else None


def write_parsed_project(state: State, *, inputs_digest: str, places: Mapping[str, Any], project: Project) -> None:
    """Record a parsed project in place of the earlier one."""
    packed = zlib.compress(json.dumps(_document(project), ensure_ascii=False).encode("utf-8", "surrogatepass"), 1)
    document = json.dumps({**places, _WHOLE: _digest(places, packed)})
    state.execute(_WRITE, (state.environment_id, inputs_digest, document, packed))


def _digest(places: Mapping[str, Any], packed: bytes) -> str:
    """Return what tells that a project and the places of its inputs belong together, and that no part is lost."""
    named = json.dumps({name: places[name] for name in places if name != _WHOLE}, sort_keys=True)
    return hashlib.sha256(named.encode() + b"\0" + packed).hexdigest()


def _document(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "target": project.target,
        "database": project.database,
        "schema": project.schema,
        "dbt_version": project.dbt_version,
        "adapter_version": project.adapter_version,
        "nodes": [_node_document(node) for node in project.nodes.values()],
    }


def _node_document(node: Node) -> list[Any]:
    relation = node.relation
    return [
        *(node.unique_id, node.resource_type, node.name, node.package, node.fqn, node.path, node.materialized),
        [relation.database, relation.schema, relation.identifier] if relation else None,
        *(node.parents, dict(node.fingerprint), node.volatile, node.version),
        *(dict(node.settings), node.names_loader_columns, node.full_refresh, node.keeps_columns),
    ]


def _project(document: Mapping[str, Any]) -> Project:
    nodes = [_node(row) for row in document["nodes"]]
    return Project(
        name=document["name"],
        target=document["target"],
        database=document["database"],
        schema=document["schema"],
        dbt_version=document["dbt_version"],
        adapter_version=document["adapter_version"],
        nodes={node.unique_id: node for node in nodes},
    )


def _node(row: list[Any]) -> Node:
    relation = RelationName(database=row[7][0], schema=row[7][1], identifier=row[7][2]) if row[7] else None
    return Node(
        unique_id=row[0],
        resource_type=row[1],
        name=row[2],
        package=row[3],
        fqn=tuple(row[4]),
        path=row[5],
        materialized=row[6],
        relation=relation,
        parents=tuple(row[8]),
        fingerprint=row[9],
        volatile=tuple(row[10]),
        version=row[11],
        settings=row[12],
        names_loader_columns=row[13],
        full_refresh=row[14],
        keeps_columns=row[15],
    )
