"""Options shared by the commands that plan or build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dbt_state_plugin.api import CUTOFF, DRIFT, ON_LOGIC_CHANGE, VOLATILE

Command = TypeVar("Command", bound=Callable[..., Any])


class _Many(click.Option):
    """Take several values after one option, as dbt does: `--select a b c`, and the option may be repeated."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        for name in self.opts:
            option = parser._long_opt.get(name) or parser._short_opt.get(name)
            if option is not None:
                self._take_until_next_option(option)

    @staticmethod
    def _take_until_next_option(option: Any) -> None:
        process = option.process

        def process_many(value: Any, state: Any) -> None:
            process(value, state)
            while state.rargs and not state.rargs[0].startswith("-"):
                process(state.rargs.pop(0), state)

        option.process = process_many


_SELECTION = (
    click.option(
        "--select",
        "-s",
        cls=_Many,
        multiple=True,
        metavar="NODES",
        envvar="DBT_STATE_PLUGIN_SELECT",
        help="Only these nodes (dbt's selection syntax).",
    ),
    click.option(
        "--exclude",
        cls=_Many,
        multiple=True,
        metavar="NODES",
        envvar="DBT_STATE_PLUGIN_EXCLUDE",
        help="Do not build these nodes (dbt's selection syntax).",
    ),
    click.option(
        "--selector",
        metavar="NAME",
        envvar="DBT_STATE_PLUGIN_SELECTOR",
        help="Build only what this selector in selectors.yml selects.",
    ),
    click.option(
        "--state",
        "selection_state",
        metavar="DIR",
        envvar=["DBT_STATE_PLUGIN_STATE", "DBT_ENGINE_STATE", "DBT_STATE"],
        help="Folder of artifacts for `state:` and `result:` selectors; if the selection uses neither, plan and select "
        "compare against it.",
    ),
    click.option(
        "--full-refresh",
        "-f",
        is_flag=True,
        envvar=["DBT_STATE_PLUGIN_FULL_REFRESH", "DBT_ENGINE_FULL_REFRESH", "DBT_FULL_REFRESH"],
        help="Rebuild all selected nodes, incremental models from scratch.",
    ),
    click.option(
        "--full-refresh-changed",
        is_flag=True,
        envvar="DBT_STATE_PLUGIN_FULL_REFRESH_CHANGED",
        help="Rebuild from scratch incremental models whose logic changed, and seeds whose columns or types changed.",
    ),
    click.option(
        "--on-logic-change",
        type=click.Choice(ON_LOGIC_CHANGE),
        envvar="DBT_STATE_PLUGIN_ON_LOGIC_CHANGE",
        help="What to do when the logic of an incremental model (or the columns of a seed) changed, unless its meta "
        "says otherwise (default: run).",
    ),
    click.option(
        "--volatile",
        type=click.Choice(VOLATILE),
        envvar="DBT_STATE_PLUGIN_VOLATILE",
        help="How often to build models that call the clock or random functions, unless meta says otherwise (default: "
        "always).",
    ),
    click.option(
        "--drift",
        type=click.Choice(DRIFT),
        envvar="DBT_STATE_PLUGIN_DRIFT",
        help="Treat objects added by hand, such as indexes, as drift (strict) or not, unless meta says otherwise "
        "(default: tolerant).",
    ),
    click.option(
        "--cutoff",
        type=click.Choice(CUTOFF),
        envvar="DBT_STATE_PLUGIN_CUTOFF",
        help="Skip what only reads relations that came out unchanged, unless its meta says otherwise (default: auto).",
    ),
    click.option("--no-cutoff", "cutoff", flag_value="never", help="The same as --cutoff never."),
    click.option(
        "--code-only",
        is_flag=True,
        envvar="DBT_STATE_PLUGIN_CODE_ONLY",
        help="Skip what is due only for new rows or because of time; it stays due.",
    ),
    click.option(
        "--force",
        is_flag=True,
        envvar="DBT_STATE_PLUGIN_FORCE",
        help="Build all selected nodes, whatever is recorded.",
    ),
)
_NARROWING = 4  # the first ones; the others say what is forced


def selection_options(command: Command) -> Command:
    """Add the options that say what is planned."""
    for option in reversed(_SELECTION):
        command = option(command)
    return command


def narrowing_options(command: Command) -> Command:
    """Add the options that say which nodes are meant."""
    for option in reversed(_SELECTION[:_NARROWING]):
        command = option(command)
    return command
