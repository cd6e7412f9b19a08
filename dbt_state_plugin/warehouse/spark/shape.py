"""Comments that a build left of a relation and its columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.warehouse.answers import value_hash

SERVER = ["server", "", "spark"]


def shape_of(comment: str | None, fields: Iterable[Mapping[str, Any]]) -> str:
    """Return a shape as core/versions/shape.py reads it; `fields` are those of a schema in Spark's JSON."""
    things = [["comment", "", value_hash(comment)]] if comment else []
    for field in fields:
        text = field.get("metadata", {}).get("comment")
        if text:
            things.append(["column comment", str(field["name"]), value_hash(text)])
    return json.dumps([SERVER, *sorted(things)])
