"""Flags of dbt after `--`, and those that change builds."""

from __future__ import annotations

import pytest

from dbt_state_plugin.dbt_runner.arguments import read_extra_arguments
from dbt_state_plugin.errors import UsageError


def test_flags_that_only_change_the_output_change_nothing_that_is_built() -> None:
    extra = read_extra_arguments(["--debug", "--log-level", "info", "--log-format=json", "--fail-fast"], {})

    assert extra.powerful == ()
    assert extra.for_parsing == ()
    assert extra.given == ("--debug", "--log-level", "info", "--log-format=json", "--fail-fast")


def test_a_word_that_is_no_flag_is_refused_and_shows_how_nodes_are_named() -> None:
    with pytest.raises(UsageError) as error:
        read_extra_arguments(["orders"], {})

    assert error.value.what == "'orders' is not a flag."
    assert "--select" in error.value.do


@pytest.mark.parametrize(
    "arguments",
    [
        ["--empty"],
        ["--sample", "3 days"],
        ["--sample=3 days"],
        ["--event-time-start", "2026-01-01"],
        ["--defer"],
        ["--a-flag-of-a-later-dbt"],
    ],
)
def test_flags_that_are_not_known_to_be_harmless_change_what_is_built(arguments: list[str]) -> None:
    assert read_extra_arguments(arguments, {}).powerful == tuple(arguments)


def test_the_value_of_a_harmless_flag_is_no_flag() -> None:
    extra = read_extra_arguments(["--log-level", "--empty", "--empty"], {})

    assert extra.powerful == ("--empty",)


def test_flags_that_matter_while_parsing_are_given_to_the_parse() -> None:
    extra = read_extra_arguments(
        ["--warn-error", "--warn-error-options", "{error: all}", "--log-path=x", "--no-partial-parse", "--quiet"], {}
    )

    assert extra.for_parsing == (
        "--warn-error",
        "--warn-error-options",
        "{error: all}",
        "--log-path=x",
        "--no-partial-parse",
    )
    assert extra.powerful == ()


@pytest.mark.parametrize(
    "argument",
    ["--select", "-s", "-smodel", "--select=x", "--full-refresh", "-f", "--vars", "-tprod", "--state", "--help"],
)
def test_flags_that_the_plugin_decides_are_refused(argument: str) -> None:
    with pytest.raises(UsageError, match="cannot be used after `--`") as error:
        read_extra_arguments(["--debug", argument], {})

    assert "before `--`" in error.value.do


@pytest.mark.parametrize("argument", ["-d", "-x", "-q", "-", "--"])
def test_short_flags_of_dbt_s_own_are_taken(argument: str) -> None:
    assert read_extra_arguments([argument], {}).given == (argument,)


@pytest.mark.parametrize("name", ["DBT_EMPTY", "DBT_ENGINE_EMPTY", "DBT_SAMPLE", "DBT_DEFER", "DBT_STATE"])
def test_an_env_var_with_the_power_of_such_a_flag_counts_as_the_flag(name: str) -> None:
    assert read_extra_arguments([], {name: "1"}).powerful == (f"{name}=1",)
    assert read_extra_arguments([], {name: ""}).powerful == ()


@pytest.mark.parametrize("bundle", ["-xf", "-xqf", "-xsorders"])
def test_a_flag_of_ours_is_found_in_a_bundle_of_short_flags(bundle: str) -> None:
    with pytest.raises(UsageError, match=f"{bundle} cannot be used after"):
        read_extra_arguments([bundle], {})


def test_what_follows_a_short_flag_that_takes_a_value_is_the_value() -> None:
    assert read_extra_arguments(["-rtimings"], {}).given == ("-rtimings",)
