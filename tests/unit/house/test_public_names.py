"""The names that `dbt_state_plugin` itself gives, as docs/python.md says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import dbt_state_plugin
from dbt_state_plugin import api

ROOT = Path(__file__).parents[3]
FUNCTIONS = tuple(name for name in dbt_state_plugin.__all__ if name in vars(api) and name.islower())


def test_all_that_public_functions_take_and_return_has_a_public_name() -> None:
    named = {
        name
        for function in FUNCTIONS
        for annotation in inspect.get_annotations(getattr(dbt_state_plugin, function)).values()
        for name in re.findall(r"\w+", str(annotation))
    }

    assert FUNCTIONS
    assert {"Progress", "ExecutionSummary"} <= named
    assert (named & api._HOME_OF.keys()) - set(dbt_state_plugin.__all__) == set()


def test_the_manual_names_only_what_is_public() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]\w+)`", page))

    assert {"Earlier", "Covered"} <= named
    assert named <= set(dbt_state_plugin.__all__)
    assert all(getattr(dbt_state_plugin, name).__name__ == name for name in named)
