"""Readers of values that are not set today."""

from __future__ import annotations

from support.values import KEY, definition, macro, project_definition

from dbt_state_plugin.core.comparison.todays_values import values_read, with_unset_values
from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter


def test_what_reads_a_value_that_is_not_set_is_found_like_all_others() -> None:
    shop = project_definition(
        definition("select '{{ env_var('LABEL', 'none') }}', {{ set() }}", unique_id="model.shop.a"),
        definition("{{ var('indirect') }}", unique_id="model.shop.b"),
        definition(config={"post-hook": [{"sql": "{{ target.role }}"}]}, unique_id="model.shop.c"),
        definition("select 1", unique_id="model.shop.d", config=None),
        macros=[macro("set", "{{ var('unset', 1) }}")],
        variables={"indirect": [["shop", "{{ env_var('BEHIND', '') }}"]]},
        environment={"OTHER": "x"},
        target={"name": "dev"},
        project_hooks={"operation.shop.end": "{{ env_var('HOOKED', '') }}"},
    )

    found = with_unset_values(shop)
    fingerprinter = Fingerprinter(found, key=KEY)
    read = values_read(fingerprinter.project, fingerprinter.project.nodes, fingerprinter.items)

    assert found.environment == {"LABEL": "", "BEHIND": "", "HOOKED": "", "OTHER": "x"}
    assert found.target["name"] == "dev"
    assert read == {
        "model.shop.a": {"variables env_var LABEL", "variables var unset"},
        "model.shop.b": {"variables env_var BEHIND", "variables var indirect"},
        "model.shop.c": {"hooks target.role"},
    }
    assert "env_var HOOKED" in fingerprinter.items("model.shop.d")["project_hooks"]


def test_a_node_without_config_is_read_too() -> None:
    bare = definition("{{ var('x') }}")
    shop = project_definition(bare, macros=())

    assert "x" in with_unset_values(shop).variables
