"""Settings of one invocation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dbt_state_plugin.dbt_runner.arguments import ExtraArguments
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.operations.settings import Settings, parse_variables
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_no_vars_are_no_vars(nothing: object) -> None:
    assert parse_variables(nothing) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{x: 1}", {"x": 1}),
        ("x: [a, b]", {"x": ["a", "b"]}),
        ('{"x": "1"}', {"x": "1"}),
        ("{'1': a, 'on': b}", {"1": "a", "on": "b"}),
        ({"x": 1}, {"x": 1}),
    ],
)
def test_vars_are_a_yaml_mapping(text: object, values: dict[str, object]) -> None:
    assert parse_variables(text) == values  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "words"), [("{x: ", "not valid YAML"), ("x", "not a mapping"), ("[x]", "a mapping")])
def test_other_texts_are_refused_with_an_example(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        parse_variables(text)

    assert "--vars '{name: value}'" in error.value.do


@pytest.mark.parametrize("name", ["on", "1", "2026-01-02", "null"])
def test_a_name_that_yaml_takes_for_something_else_is_refused_as_dbt_does(name: str) -> None:
    with pytest.raises(UsageError, match="A name in --vars is not a text") as error:
        parse_variables(f"{{{name}: true}}")

    assert "'{\"on\": true}'" in error.value.do


def test_vars_reach_dbt_with_the_types_that_they_were_given_with() -> None:
    given = parse_variables("{day: 2026-01-02, text: 'größe: [', number: 1.5, nested: {1: [true, null]}}")
    invocation = Invocation(
        project_dir=Path(),
        profiles_dir=Path(),
        target_path=Path(),
        profile=None,
        target=None,
        threads=None,
        variables=given,
        extra=ExtraArguments(given=(), for_parsing=(), powerful=()),
        dialect=POSTGRES,
    )

    arguments = invocation.arguments()

    assert yaml.safe_load(arguments[arguments.index("--vars") + 1]) == given


def test_the_text_of_wrong_vars_is_not_repeated_since_it_may_hold_a_secret() -> None:
    with pytest.raises(UsageError) as error:
        parse_variables("{password: hunter2")

    assert "hunter2" not in str(error.value)


def test_the_database_url_is_not_shown() -> None:
    assert "hunter2" not in repr(Settings(database_url="postgresql://u:hunter2@h/d"))
