"""Help of each option: effect, unit and default."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from dbt_state_plugin.cli.entry import cli
from meltano_plugin.entry import definition, load_plan


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            yield from commands(inner, f"{name} {each}")


ALL = dict([*commands(cli, "dbt-state-plugin"), ("load-plan", load_plan), ("definition", definition)])


def options(command: click.Command) -> Iterator[click.Option]:
    return (each for each in command.params if isinstance(each, click.Option))


@pytest.mark.parametrize("name", ALL)
def test_each_option_explains_itself_in_a_sentence(name: str) -> None:
    wrong = [
        option.opts[0]
        for option in options(ALL[name])
        if not (option.help or "").rstrip().endswith((".", ").", "DIR."))
    ]

    assert wrong in ([], ["--version"]), "click's own sentence has no full stop"


@pytest.mark.parametrize("name", ALL)
def test_a_number_names_its_unit_and_what_holds_without_it(name: str) -> None:
    for option in options(ALL[name]):
        if isinstance(option.type, (click.types.IntParamType, click.types.FloatParamType)) and not option.count:
            text = f"{option.metavar or ''} {option.help}".lower()
            assert any(unit in text for unit in ("second", "day", "row", "thread", "execution")), option.opts
            is_optional = option.opts[0] == "--rows-processed"
            assert "default" in text or option.show_default or is_optional, option.opts


@pytest.mark.parametrize("name", ALL)
def test_help_fits_80_columns(name: str) -> None:
    context = click.Context(ALL[name], info_name=name, terminal_width=80)

    assert [line for line in ALL[name].get_help(context).splitlines() if len(line) > 80] == []
