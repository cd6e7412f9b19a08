"""Nodes of a manifest.json with dbt's own checksums."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.operations.bookkeeping.checksums import Checksums, unique_names

OLDEST_VERSION = 9  # of the manifest's schema; dbt-core 1.5 writes it
_RESOURCE_TYPES = ("model", "seed", "snapshot")


def checksum_manifest(path: str, *, by_path: bool = False) -> Checksums:
    """Return dbt's checksum of each model, seed and snapshot, named `name`, or by its path in its package.

    A version of a model is named as dbt selects it: `name.v2`. Raises UsageError when the file cannot be read, is no
    manifest, or holds two nodes of one name.
    """
    nodes = list(_nodes(path, _manifest(path)))
    if not nodes:
        raise UsageError(
            f"{path} holds no model, seed or snapshot.", "Name the manifest.json of a project with models."
        )
    way_out = "Leave --by-path out." if by_path else "Pass --by-path to name them by their path."
    by_id = {str(node["unique_id"]): node for node in nodes}
    names = ((node_path(node) if by_path else node_name(node), unique_id) for unique_id, node in by_id.items())
    named = unique_names(names, way_out)
    unseen = [name for name, unique_id in named.items() if by_id[unique_id]["checksum"].get("name") != "sha256"]
    return Checksums(
        kind="manifest",
        checksums={name: str(by_id[unique_id]["checksum"]["checksum"]) for name, unique_id in named.items()},
        warnings=tuple(f"dbt keeps no checksum of the content of {name}: its changes are not seen." for name in unseen),
    )


def _manifest(path: str) -> Mapping[str, Any]:
    try:
        manifest = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Name a manifest.json of dbt.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not JSON, or it is cut off.", "Wait until dbt has ended, or let `dbt parse` write it again."
        ) from error
    version = _version(manifest)
    if version is None:
        raise UsageError(f"{path} is JSON, but not a dbt manifest.", "Name the manifest.json in dbt's target folder.")
    if version < OLDEST_VERSION:
        raise UsageError(
            f"{path} is a manifest of version {version}; {OLDEST_VERSION} or later is needed.",
            "Let dbt-core 1.5 or later write it again.",
        )
    return dict(manifest)


def _version(manifest: Any) -> int | None:
    metadata = manifest.get("metadata") if isinstance(manifest, dict) else None
    name = metadata.get("dbt_schema_version") if isinstance(metadata, dict) else None
    found = re.search(r"/manifest/v([0-9]{1,4})\.json$", name) if isinstance(name, str) else None
    return int(found[1]) if found and isinstance(manifest.get("nodes"), dict) else None


def _nodes(path: str, manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for unique_id, node in manifest["nodes"].items():
        if not isinstance(node, dict) or node.get("resource_type") not in _RESOURCE_TYPES:
            continue
        checksum = node.get("checksum")
        texts = (
            node.get("name"),
            node.get("original_file_path"),
            isinstance(checksum, dict) and checksum.get("checksum"),
        )
        if not all(isinstance(text, str) and text.isprintable() for text in texts):
            raise UsageError(
                f"The node {unique_id} of {path} lacks a printable name, path or checksum.",
                "Let `dbt parse` write the manifest again.",
            )
        yield {**node, "unique_id": unique_id}


def node_name(node: Mapping[str, Any]) -> str:
    """Return the name of a node as dbt selects it, with its version."""
    version = node.get("version")
    return str(node["name"]) if version is None else f"{node['name']}.v{version}"


def node_path(node: Mapping[str, Any]) -> str:
    """Return the path of a node's file in its package."""
    return str(node["original_file_path"])
