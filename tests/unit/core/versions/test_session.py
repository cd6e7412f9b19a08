"""Settings of sessions that differ."""

from __future__ import annotations

from dbt_state_plugin.core.versions.session import differing_settings

OLDER = {"search_path": "public", "user": "ann"}
NEWER = {**OLDER, "bytea_output": "hex", "shop.tenant": "a"}


def test_each_setting_that_is_new_gone_or_other_differs() -> None:
    now = {"bytea_output": "escape", "role": "etl", "search_path": "public", "user": "ben"}

    assert differing_settings(NEWER, now) == ["bytea_output", "role", "shop.tenant"]
    assert differing_settings(NEWER, NEWER) == []


def test_a_build_that_recorded_fewer_settings_says_nothing_of_the_others() -> None:
    assert differing_settings(OLDER, NEWER) == []
    assert differing_settings(OLDER, {**NEWER, "role": "etl"}) == ["role"]
