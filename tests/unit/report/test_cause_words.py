"""Words of causes, one for every code."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import dbt_state_plugin
from dbt_state_plugin.core.values.causes import Cause, CauseCode, told
from dbt_state_plugin.report.cause_words import cause_code, cause_words

VALUES = {
    "message": "division by zero",
    "is_now": "view",
    "materialized": "incremental",
    "environment": "shop/prod",
    "lacking": ["a"],
    "added": [],
    "retyped": ["b"],
    "found": 2,
    "expected": 3,
    "execution": "6a1b2c3d-0000-0000-0000-000000000000",
    "owner": "dbt",
    "role": "reader",
    "partition": '"db"."main"."part"',
    "dependents": ["view v"],
}


@pytest.mark.parametrize("code", CauseCode)
def test_every_code_has_words(code: CauseCode) -> None:
    words = cause_words(Cause(code=code, values=VALUES))

    assert words
    assert words == words.strip()


def test_every_code_is_used() -> None:
    package = Path(inspect.getfile(dbt_state_plugin)).parent
    used = {
        node.attr
        for path in package.rglob("*.py")
        if path.name != "cause_words.py" and "CauseCode" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "CauseCode"
    }

    assert {code.name for code in CauseCode} == used


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("columns-differ", {}, "it lacks a, has a different type for b"),
        ("columns-differ", {"lacking": list("abcd"), "retyped": []}, "it lacks a, b, c and more"),
        ("other-kind", {}, "it is a view, and the project makes it a table"),
        (
            "replaced",
            {},
            "not the one that was recorded but a view of role dbt (`forget` takes it off this list)",
        ),
        (
            "replaced",
            {"is_now": "other"},
            "not the one that was recorded but something that is neither table nor view of role dbt"
            " (`forget` takes it off this list)",
        ),
        ("being-written", {}, "execution 6a1b2c3d of shop/prod is writing it"),
        ("written-since", {}, "execution 6a1b2c3d has begun to write it since"),
        ("not-dropped-here", {}, "nothing is dropped in this kind of warehouse: drop it by hand"),
        ("not-owned", {}, "role reader may not drop it, because it belongs to role dbt"),
        ("depended-on", {"dependents": list("abcde")}, "others depend on it: a, b, c and 2 more"),
    ],
)
def test_a_cause_is_said_with_its_evidence(code: str, values: dict[str, object], words: str) -> None:
    assert cause_words(Cause(code=CauseCode(code), values={**VALUES, **values})) == words


def test_no_cause_has_no_words_and_no_code() -> None:
    assert (cause_words(None), cause_code(None)) == ("", None)
    assert cause_code(told("as it is")) == "told"
