"""The reference, held to the code that it is made from."""

from __future__ import annotations

import re
from pathlib import Path

import generate_reference
import pytest

from dbt_state_plugin.core.config.source_config import NODE_SETTINGS, SOURCE_SETTINGS

ROOT = Path(__file__).parents[3]
PAGES = generate_reference.pages()


@pytest.mark.parametrize("name", PAGES)
def test_what_is_committed_is_what_the_code_gives(name: str) -> None:
    committed = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")

    assert committed == PAGES[name], f"docs/reference/{name} is stale: {generate_reference.HOW} writes it"


def test_no_page_is_left_of_what_is_generated_no_more() -> None:
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == set(PAGES)


def test_each_variable_that_the_code_names_is_in_the_reference() -> None:
    named = {
        name
        for package in ("dbt_state_plugin", "meltano_plugin")
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"DBT_STATE_PLUGIN_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))
    }

    assert len(named) > 20
    assert sorted(name for name in named if f"`{name}`" not in PAGES["environment.md"]) == []


def test_each_setting_is_described() -> None:
    assert set(generate_reference.CONFIGURATION) == {*SOURCE_SETTINGS, *NODE_SETTINGS}
