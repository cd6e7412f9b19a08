"""A manifest.json read as dbt reads it for `--state`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbt_state_plugin.dbt_runner.artifact_file import read_artifact_file
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.dbt_runner.parse import Parsed, parsed_again
from dbt_state_plugin.errors import UsageError

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDocument:
    """What a manifest.json says, before dbt has looked at it."""

    path: Path
    content: Mapping[str, Any] = field(repr=False)

    @property
    def project_name(self) -> str:
        """Return the name of the project, or nothing if an early version of dbt did not write it."""
        metadata = self.content.get("metadata")
        return str(metadata.get("project_name") or "") if isinstance(metadata, dict) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An earlier manifest of the project: `compiled` is the SQL that it holds for some of its nodes.

    `parsed.manifest` is an object of its own and may be changed.
    """

    parsed: Parsed
    generated_at: str
    dbt_version: str
    compiled: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_artifact(
    document: ManifestDocument, present: Parsed, invocation: Invocation, *, environ: Mapping[str, str]
) -> Artifact:
    """Return a manifest with today's values of vars, env vars and target, which it does not hold.

    The macros that ship with dbt are those of today too: of them only the SQL that results counts. Raises UsageError.
    """
    path, content = document.path, document.content
    manifest = _manifest(path, content)
    _restore_generic_tests(manifest, content)
    builtin = {macro.unique_id for macro in present.definition.macros if macro.is_builtin}
    packages = {unique_id.split(".")[1] for unique_id in builtin}
    own = {name: macro for name, macro in manifest.macros.items() if macro.package_name not in packages}
    manifest.macros = {**{name: present.manifest.macros[name] for name in builtin}, **own}
    manifest.build_flat_graph()
    metadata = content.get("metadata") or {}
    nodes = content.get("nodes") or {}
    return Artifact(
        parsed=parsed_again(manifest, invocation, environ),
        generated_at=str(metadata.get("generated_at") or ""),
        dbt_version=str(metadata.get("dbt_version") or ""),
        compiled={name: str(node["compiled_code"]) for name, node in nodes.items() if node.get("compiled_code")},
    )


def put_in_place(artifact: Artifact, places: Mapping[str, Mapping[str, Any]]) -> None:
    """Give nodes and sources of the earlier manifest these attributes, before anything is compiled from it."""
    manifest = artifact.parsed.manifest
    for unique_id, attributes in places.items():
        node = manifest.nodes.get(unique_id) or manifest.sources.get(unique_id)
        for name, value in attributes.items():
            if node is not None and hasattr(node, name):
                setattr(node, name, value)


def read_document(folder: Path) -> ManifestDocument:
    """Return what the manifest in a folder says; raises UsageError, and needs no dbt for that."""
    path = folder / MANIFEST
    document = read_artifact_file(
        path,
        absent="Give --state a folder with the manifest.json of dbt (`dbt parse` writes one).",
        torn="Wait until dbt has ended, or let `dbt parse` write it again.",
    )
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), dict):
        raise UsageError(f"{path} is JSON, but not a dbt manifest.", "Name the folder of a manifest.json of dbt.")
    return ManifestDocument(path=path, content=document)


def _manifest(path: Path, document: Mapping[str, Any]) -> Any:
    from dbt.artifacts.exceptions import IncompatibleSchemaError
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.contracts.graph.manifest import Manifest

    try:
        return Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(str(path)))
    except IncompatibleSchemaError as error:
        found = (document.get("metadata") or {}).get("dbt_schema_version")
        raise UsageError(
            f"{path} is a manifest of {found}, which this version of dbt cannot read.",
            "Let the dbt of this environment write it (`dbt parse --target-path DIR`).",
        ) from error
    except Exception as error:  # whatever dbt's classes make of what is no manifest
        raise UsageError(
            f"dbt cannot read {path} as a manifest ({type(error).__name__}).",
            "Let the dbt of this environment write it (`dbt parse --target-path DIR`).",
        ) from error


def _restore_generic_tests(manifest: Any, document: Mapping[str, Any]) -> None:
    """Make the generic tests whole again: dbt's own classes read them as tests of a file, without their arguments."""
    from dbt.artifacts.resources import GenericTest
    from dbt.contracts.graph.nodes import GenericTestNode

    for unique_id, node in document["nodes"].items():
        if isinstance(node, dict) and node.get("resource_type") == "test" and node.get("test_metadata"):
            manifest.nodes[unique_id] = GenericTestNode.from_resource(GenericTest.from_dict(node))
