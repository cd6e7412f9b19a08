"""Nodes and files of a run, as a script step's baseline.

A run records fingerprints of nodes, which nothing else has. The manifest that it keeps has what a script records: dbt's
checksum of each node, and the code of each model, which is its file without the white space around it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from dbt_state_plugin.operations.bookkeeping.manifest_checksums import node_name, node_path

# What a command of a whole project leaves built; it may leave a changed node of another type as it was.
BUILDING = {"run": frozenset({"model"}), "build": frozenset({"model", "seed", "snapshot"})}
_BEFORE = ("", "\n", "\r\n")
_AFTER = ("\n", "", "\r\n", "\n\n", "\r\n\r\n")


def unchanged_names(manifest: str, command: str, kind: str, checksums: Mapping[str, str]) -> frozenset[str]:
    """Return the names of a step whose checksum is what a run of the whole project built.

    `manifest` is the JSON that the run keeps, `kind` says what the checksums are of: file or manifest. A name that
    nodes or files share is never among them, nor one that only other white space around the code could explain.
    """
    nodes = [
        node
        for node in json.loads(manifest)["nodes"].values()
        if node["resource_type"] in BUILDING[command] and node["checksum"]["name"] == "sha256"
    ]
    of_name = _unique(_names_of_files(nodes) if kind == "file" else _names_of_nodes(nodes))
    is_equal = _is_file_of if kind == "file" else _is_checksum_of
    return frozenset(
        name for name, checksum in checksums.items() if name in of_name and is_equal(of_name[name], checksum)
    )


def _names_of_nodes(nodes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for node in nodes:
        for name in {node_name(node), node_path(node)}:
            yield name, node


def _names_of_files(nodes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the stem of each node's file, and its path from every folder above it that may be the base path."""
    for node in nodes:
        path = PurePosixPath(node_path(node).replace("\\", "/"))
        paths = {str(PurePosixPath(*path.parts[index:])) for index in range(len(path.parts))}
        for name in {path.stem, *paths}:
            yield name, node


def _unique(named: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any] | None] = {}
    for name, node in named:
        found[name] = None if name in found else node
    return {name: node for name, node in found.items() if node is not None}


def _is_checksum_of(node: Mapping[str, Any], checksum: str) -> bool:
    return bool(node["checksum"]["checksum"] == checksum)


def _is_file_of(node: Mapping[str, Any], checksum: str) -> bool:
    code = str(node.get("raw_code") or "")
    if _sha256(code) != node["checksum"]["checksum"]:
        return False  # the file holds more than this node's code
    return any(_sha256(before + code + after) == checksum for before in _BEFORE for after in _AFTER)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
