"""JSON documents held to their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = files("dbt_state_plugin") / "schemas" / "v1"


def names() -> list[str]:
    """Return the names of all schemas that are shipped."""
    return sorted(path.name.removesuffix(".json") for path in FOLDER.iterdir())


def schema(name: str) -> dict[str, Any]:
    """Read a schema."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return document


def checked(name: str, text: str) -> dict[str, Any]:
    """Return a document that fits its schema and has no key that is not in it."""
    document: dict[str, Any] = json.loads(text)
    validator = Draft202012Validator(closed(schema(name)), format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert not errors, f"{name}: {errors}"
    return document


def closed(part: Any) -> Any:
    """Return a schema in which objects have no other properties than those that are named."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {key: closed(value) for key, value in part.items()}
    is_object = "properties" in part and isinstance(part["properties"], dict) and "type" in part
    return {"additionalProperties": False, **inner} if is_object else inner


def seen(part: Mapping[str, Any], value: Any, root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of a schema that a document holds, such as `nodes[].reasons[].code`."""
    if "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    for branch in part.get("oneOf", []):
        yield from seen(branch, value, root, path)
    if isinstance(value, dict):
        for key, inner in part.get("properties", {}).items():
            if key in value:
                yield f"{path}.{key}".lstrip(".")
                yield from seen(inner, value[key], root, f"{path}.{key}")
    if isinstance(value, list) and "items" in part:
        for each in value:
            yield from seen(part["items"], each, root, f"{path}[]")


def paths(part: Mapping[str, Any], root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield all paths of a schema."""
    if "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    for branch in part.get("oneOf", []):
        yield from paths(branch, root, path)
    for key, inner in part.get("properties", {}).items():
        yield f"{path}.{key}".lstrip(".")
        yield from paths(inner, root, f"{path}.{key}")
    if "items" in part:
        yield from paths(part["items"], root, f"{path}[]")
