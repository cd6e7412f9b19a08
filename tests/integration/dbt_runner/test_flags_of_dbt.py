"""Flags that this tool knows, held to those that dbt has."""

from __future__ import annotations

import click
import pytest

from dbt_state_plugin.dbt_runner.arguments import DECIDED, FLAGS_OF_DBT, HIDDEN


@pytest.mark.parametrize("command", ["run", "build", "seed", "snapshot"])
def test_each_flag_of_dbt_is_known_as_its_own_or_ours(command: str) -> None:
    from dbt.cli.main import cli  # takes a second, and each process collects all tests

    options = [each for each in cli.commands[command].params if isinstance(each, click.Option)]
    names = {name: option for option in options for name in (*option.opts, *option.secondary_opts)}
    visible = {name: option for name, option in names.items() if not name.startswith("--deprecated")}

    assert visible.keys() - FLAGS_OF_DBT.keys() - HIDDEN == set()
    takes_values = {name: not option.is_flag for name, option in visible.items() if name in FLAGS_OF_DBT}
    assert {name: FLAGS_OF_DBT[name] for name in takes_values} == takes_values


def test_what_is_decided_here_is_refused_after_the_dashes_too() -> None:
    assert DECIDED.keys() - HIDDEN == set()
