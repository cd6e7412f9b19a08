"""The project as an invocation of dbt built it, by its manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dbt_state_plugin.core.fingerprint.fingerprint import fingerprint_project
from dbt_state_plugin.core.fingerprint.relocation import Relocation, as_in_a_file, relocated
from dbt_state_plugin.core.values.definition import NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.invocations import DbtInvocation
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.dbt_runner.manifest import microbatch_models, seed_files
from dbt_state_plugin.dbt_runner.manifest_file import MANIFEST, ManifestDocument, read_artifact
from dbt_state_plugin.dbt_runner.parse import Parsed
from dbt_state_plugin.dbt_runner.results_file import RUN_RESULTS, read_json
from dbt_state_plugin.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class AsBuilt:
    """What dbt built, as if it had been parsed just now, and the nodes that are defined otherwise today.

    `is_present` says that the project is the same today.
    """

    parsed: Parsed
    edited: frozenset[str]
    is_present: bool


def read_manifest_of(folder: Path, invocation: DbtInvocation) -> ManifestDocument:
    """Return the manifest.json beside a run_results.json; raises UsageError unless both are of one invocation."""
    path = folder / MANIFEST
    content = read_json(path)
    if content["metadata"].get("invocation_id") != invocation.invocation_id or not isinstance(
        content.get("nodes"), dict
    ):
        raise UsageError(
            f"{path} and {RUN_RESULTS} beside it were not written by the same invocation of dbt.",
            "Run `record` right after dbt: any dbt command writes a new manifest.json.",
        )
    return ManifestDocument(path=path, content=content)


def as_built(document: ManifestDocument, present: Parsed, invocation: Invocation, ran: DbtInvocation) -> AsBuilt:
    """Return the project that dbt has built, with the SQL that it has executed; raises UsageError.

    A node of which the manifest says the same as the project today is taken from the project: not all that decides
    stands in a file. The values of vars, env vars and target are those of now.
    """
    artifact = read_artifact(document, present, invocation, environ=os.environ)
    manifest = artifact.parsed.manifest
    if manifest.metadata.invocation_id != ran.invocation_id:  # dbt wrote another one between two looks
        raise UsageError(f"{document.path} was rewritten just now.", "Run `record` when dbt has ended.")
    for result in ran.results:
        node = manifest.nodes.get(result.outcome.unique_id)
        if node is not None:
            node.compiled_code = result.code or None
    before = relocated(artifact.parsed.definition, present.definition, Relocation())
    edited = _edited(before, present.definition)
    parsed = replace(
        artifact.parsed,
        definition=_joined(before, present.definition, edited),
        microbatch=frozenset(microbatch_models(manifest)),
        seed_files={**seed_files(manifest, invocation.project_dir), **present.seed_files},
    )
    names = {node.unique_id for node in present.definition.nodes}
    is_present = not edited and names == {node.unique_id for node in before.nodes}
    return AsBuilt(parsed=parsed, edited=edited, is_present=is_present)


def _edited(before: ProjectDefinition, now: ProjectDefinition) -> frozenset[str]:
    """Return the nodes of the earlier definition that are gone today or have another fingerprint."""
    key = os.urandom(32)  # for this comparison alone
    then = fingerprint_project(before, key=key).nodes
    today = fingerprint_project(as_in_a_file(now), key=key).nodes
    return frozenset(
        node
        for node, each in then.items()
        if node not in today or today[node].fingerprint != each.fingerprint or today[node].relation != each.relation
    )


def _joined(before: ProjectDefinition, now: ProjectDefinition, edited: frozenset[str]) -> ProjectDefinition:
    today: Mapping[str, NodeDefinition] = {node.unique_id: node for node in now.nodes}
    nodes = tuple(node if node.unique_id in edited else today[node.unique_id] for node in before.nodes)
    return replace(before, nodes=nodes, graph_extras=before.graph_extras if edited else now.graph_extras)
