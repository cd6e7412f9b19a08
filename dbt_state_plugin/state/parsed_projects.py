"""The parsed project, and the inputs it came from."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from dbt_state_plugin.core.values.fingerprinted import FingerprintedProject, FingerprintInputs
from dbt_state_plugin.core.values.project import Exposure, Node, Project
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
    """A parsed project with the digest of the inputs that it was parsed from; `places` say where those are."""

    inputs_digest: str
    places: Mapping[str, Any]
    packed: bytes

    def project(self) -> Project:
        """Return the project; its nodes have no raw code. Raises ValueError when the row is not as it was written."""
        return _project(self._document())

    def fingerprinted(self) -> FingerprintedProject | None:
        """Return the project with what its fingerprints were made of, None if that is not recorded.

        Raises ValueError as `project` does.
        """
        document = self._document()
        if not document.get("inputs"):
            return None
        return FingerprintedProject(project=_project(document), inputs=_inputs(document["inputs"]))

    def _document(self) -> dict[str, Any]:
        if self.places.get(_WHOLE) != _digest(self.places, self.packed):
            raise ValueError("the row was edited by hand")
        document: dict[str, Any] = json.loads(zlib.decompress(self.packed))
        return document


def read_parsed_project(state: State) -> ParsedProject | None:
    """Return what is recorded for the environment, or None."""
    rows = state.rows(_READ, (state.environment_id,))
    return ParsedProject(inputs_digest=rows[0][0], places=rows[0][1], packed=bytes(rows[0][2])) if rows else None


def write_parsed_project(
    state: State,
    *,
    inputs_digest: str,
    places: Mapping[str, Any],
    project: Project,
    inputs: FingerprintInputs | None = None,
) -> None:
    """Record a parsed project in place of the earlier one, with what its fingerprints were made of."""
    written = _document(project) | ({"inputs": asdict(inputs)} if inputs else {})
    packed = zlib.compress(json.dumps(written, ensure_ascii=False).encode("utf-8", "surrogatepass"), 1)
    document = json.dumps({**places, _WHOLE: _digest(places, packed)})
    state.execute(_WRITE, (state.environment_id, inputs_digest, document, packed))


def _digest(places: Mapping[str, Any], packed: bytes) -> str:
    """Return what tells that a project and the places of its inputs belong together, and that no part is lost."""
    named = json.dumps({name: places[name] for name in places if name != _WHOLE}, sort_keys=True)
    return hashlib.sha256(named.encode() + b"\0" + packed).hexdigest()


# The names stand once, and the values of each node in their order: a name for each value would make the row larger.
_NODE_FIELDS = tuple(each.name for each in fields(Node) if each.name != "raw_code")
_PROJECT_FIELDS = tuple(each.name for each in fields(Project) if each.name not in ("nodes", "exposures"))


def _document(project: Project) -> dict[str, Any]:
    return {
        **{name: getattr(project, name) for name in _PROJECT_FIELDS},
        "node_fields": _NODE_FIELDS,
        "exposures": [asdict(exposure) for exposure in project.exposures],
        "nodes": [[_stored(getattr(node, name)) for name in _NODE_FIELDS] for node in project.nodes.values()],
    }


def _inputs(document: Mapping[str, Any]) -> FingerprintInputs:
    names = document["environment"]
    return FingerprintInputs(
        shared=document["shared"], environment=None if names is None else tuple(names), own=document["own"]
    )


def _stored(value: Any) -> Any:
    if value is None or isinstance(value, (str, tuple, bool)):  # nearly all
        return value
    if isinstance(value, RelationName):
        return [value.database, value.schema, value.identifier]
    return dict(value) if isinstance(value, Mapping) else value


def _project(document: Mapping[str, Any]) -> Project:
    """Return the project; raises ValueError when it was written by a release with other fields of a node."""
    if tuple(document.get("node_fields", ())) != _NODE_FIELDS or "exposures" not in document:
        raise ValueError("the row is from another release")
    nodes = [_node(row) for row in document["nodes"]]
    return Project(
        **{name: document[name] for name in _PROJECT_FIELDS},
        nodes={node.unique_id: node for node in nodes},
        exposures=tuple(Exposure(**{**each, "parents": tuple(each["parents"])}) for each in document["exposures"]),
    )


def _node(row: list[Any]) -> Node:
    given = zip(_NODE_FIELDS, row, strict=True)
    values: dict[str, Any] = {name: tuple(value) if type(value) is list else value for name, value in given}
    if values["relation"] is not None:
        database, schema, identifier = values["relation"]
        values["relation"] = RelationName(database=database, schema=schema, identifier=identifier)
    return Node(**values)
