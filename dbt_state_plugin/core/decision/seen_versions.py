"""Versions of relations that a build of a child would see now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName, SourceData
from dbt_state_plugin.core.versions.drift import altered_version
from dbt_state_plugin.core.versions.source_version import SourceVersion

_ABSENT = "/absent"


def relation_versions(project: Project, recorded: Recorded, catalog: Catalog) -> dict[RelationName, str]:
    """Return for each relation and function of the project the version that a child built now would see."""
    versions: dict[RelationName, str] = {}
    written = {record_key(node, project) for node in project.nodes.values() if not node.is_source}
    for node in project.nodes.values():
        if (node.relation is not None and not node.is_ephemeral) or node.is_function:
            key = record_key(node, project)
            record, identity = recorded.relations.get(key), catalog.identities.get(key)
            columns, touched = catalog.columns.get(key), catalog.touched.get(key)
            # What an interrupted build wrote in place (a snapshot, an incremental model) shows in nothing else.
            doubts = sorted(str(intent.execution_id) for intent in recorded.intents.get(key, ()))
            if key not in written and key in catalog.data:  # what nodes of the project write is known by their builds
                versions[key] = _source_version(record, identity, doubts, catalog.data[key])
            else:
                versions[key] = "+".join([relation_version(record, identity, columns, touched), *doubts])
    return versions


def _source_version(
    record: RecordedRelation | None, identity: Identity | None, doubts: Iterable[str], data: SourceData
) -> str:
    version = SourceVersion(
        data="+".join([str(record.data_id) if record else "-", *doubts]),
        columns=data.columns,
        touched=data.touched,
        answer=data.answer,
    )
    if identity is not None:
        version = replace(version, object_id=identity.object_id, storage_id=identity.storage_id)
    return str(version)


def relation_version(
    record: RecordedRelation | None,
    identity: Identity | None,
    columns: str | None = None,
    touched: str | None = None,
) -> str:
    """Return a value that differs whenever the rows or columns of a relation may differ.

    As long as the relation is the one that was recorded, the recorded data say it; another relation is named, with
    the counters of what is written into it.
    """
    data = str(record.data_id) if record else "-"
    if record is not None and identity == record.identity:
        altered = altered_version(record, columns, touched)
        return f"{data}/{altered}" if altered else data
    if identity is None:
        return f"{data}{_ABSENT}"
    return "/".join([data, identity.object_id, identity.storage_id, *([touched] if touched else [])])


def is_of_nothing(version: str) -> bool:
    """Return whether a version of what the project writes is of a relation that is not there."""
    return version.endswith(_ABSENT)
