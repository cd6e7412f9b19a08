"""Parts of a manifest that are kept."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from dbt_state_plugin.dbt_runner.kept_manifest import without_values

NODE: dict[str, Any] = {
    "unique_id": "model.shop.secret",
    "schema": "secret",
    "raw_code": "select 'secret'",
    "description": "knows the secret and a longer secret",
    "created_at": 1.5,
    "compiled_code": "select 1",
    "config": {"materialized": "view", "meta": {"by": ["secret", 1, None]}},
    "unrendered_config": {"meta": {"by": "secret"}},
}
DOCUMENT = {
    "metadata": {"dbt_version": "1.11.16", "invocation_id": "x", "env": {"A": "secret"}, "user_id": "y"},
    "nodes": {"model.shop.secret": NODE, "model.shop.other": {"name": "other"}},
    "parent_map": {"model.shop.secret": ["source.secret.orders"]},
    "selectors": {},
    "disabled": {"model.shop.other": [NODE]},
}


def kept_of(hidden: list[str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    text, masked = without_values(deepcopy(DOCUMENT), hidden)
    return json.loads(text), masked


def test_values_are_masked_in_free_text_and_names_and_code_stay() -> None:
    kept, masked = kept_of(["longer secret", "secret"])

    assert kept["nodes"]["model.shop.secret"] == {
        "unique_id": "model.shop.secret",
        "schema": "secret",
        "raw_code": "select 'secret'",
        "description": "knows the *** and a ***",
        "config": {"materialized": "view", "meta": {"by": ["***", 1, None]}},
        "unrendered_config": {"meta": {"by": "***"}},
    }
    assert kept["parent_map"] == {"model.shop.secret": ["source.secret.orders"]}
    assert masked == [("nodes", "model.shop.secret")]


def test_a_value_is_found_however_json_spells_it() -> None:
    spoken = 'say "secret"\n\\ to nobody'
    document = {"nodes": {"model.a": {"description": f"<{spoken}>"}, "model.b": {"description": "said"}}}

    text, masked = without_values(document, [spoken])

    assert json.loads(text)["nodes"] == {"model.a": {"description": "<***>"}, "model.b": {"description": "said"}}
    assert masked == [("nodes", "model.a")]


def test_what_belongs_to_one_run_is_left_out() -> None:
    kept, masked = kept_of([])

    assert {name: value for name, value in kept["metadata"].items() if value is not None} == {"dbt_version": "1.11.16"}
    assert kept["disabled"] == {}
    assert not {"created_at", "compiled_code"} & kept["nodes"]["model.shop.secret"].keys()
    assert masked == []


def test_the_text_does_not_depend_on_the_order_of_the_manifest() -> None:
    turned = {
        name: dict(reversed(list(group.items()))) if isinstance(group, dict) else group
        for name, group in reversed(list(DOCUMENT.items()))
    }
    assert without_values(deepcopy(turned), ["secret"]) == without_values(deepcopy(DOCUMENT), ["secret"])
