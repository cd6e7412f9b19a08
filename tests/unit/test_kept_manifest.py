"""What of a manifest is kept?"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from dbt_state_plugin.engine.kept_manifest import without_values

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
    "nodes": {"model.shop.secret": NODE},
    "disabled": {"model.shop.other": [NODE]},
}


def test_values_are_masked_in_free_text_and_names_and_code_stay() -> None:
    kept = without_values(deepcopy(DOCUMENT), ["longer secret", "secret"])["nodes"]["model.shop.secret"]

    assert kept == {
        "unique_id": "model.shop.secret",
        "schema": "secret",
        "raw_code": "select 'secret'",
        "description": "knows the *** and a ***",
        "config": {"materialized": "view", "meta": {"by": ["***", 1, None]}},
        "unrendered_config": {"meta": {"by": "***"}},
    }


def test_what_belongs_to_one_run_is_left_out() -> None:
    kept = without_values(deepcopy(DOCUMENT), [])

    assert {name: value for name, value in kept["metadata"].items() if value is not None} == {"dbt_version": "1.11.16"}
    assert kept["disabled"] == {}
    assert not {"created_at", "compiled_code"} & kept["nodes"]["model.shop.secret"].keys()
