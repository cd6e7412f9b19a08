"""What does dbt-state-plugin do to a real pipeline? A story in real commands, each checked as it is told.

    uv run integration_project/demo.py           # from a production database into a warehouse, with Meltano
    uv run integration_project/demo.py --fast    # the dbt project alone, in less than a minute

A PostgreSQL of the demo's own is started, the project is copied to a temporary folder, and both are removed at the end,
after Ctrl-C too. The exit code is 0 only when every step did what the story says.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import fast_story
import pipeline_story
from story import BrokenStory, Signals, Stage, Stopped, command, say

if TYPE_CHECKING:
    from dbt_state_plugin.testing.postgres_server import Server

FOREIGN_SETTINGS = ("DBT_", "PG", "MELTANO_", "TAP_", "TARGET_", "PRODUCTION_", "WAREHOUSE_")


@contextmanager
def prepared(signals: Signals, *, is_fast: bool) -> Iterator[Stage]:
    """Yield a started server and a copy of the project, and remove both afterwards."""
    from pipeline import copy_project
    from warehouse import load_source

    from dbt_state_plugin.testing.postgres_server import start_server

    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    with tempfile.TemporaryDirectory(prefix="shop-demo-") as folder, start_server(prefer="embedded") as server:
        project = copy_project(Path(folder))
        stage = Stage(
            project=project / "transform" if is_fast else project,
            transform=project / "transform",
            steps=fast_story.STEPS if is_fast else pipeline_story.STEPS,
            environment=commands_environment(addresses(server, is_fast=is_fast), is_coloured=is_coloured),
            server=server,
            signals=signals,
            is_coloured=is_coloured,
        )
        if is_fast:
            load_source(server)
            say(
                f"A small shop: sources in a throw-away PostgreSQL {server.version}, and a real dbt project, copied "
                "from integration_project/transform to a temporary folder. Every command below is run as you see it."
            )
            command(stage, "dbt deps --quiet")
        else:
            say(
                f"A small shop: its production database and its warehouse in a throw-away PostgreSQL {server.version}, "
                "and a real Meltano project, copied from integration_project to a temporary folder. Every command "
                "below is run as you see it. (`--fast` tells a story without Meltano, in less than a minute.)"
            )
        yield stage


def addresses(server: Server, *, is_fast: bool) -> dict[str, str]:
    """Give the variables with the addresses of the databases; creates the production database where one is needed."""
    from warehouse import connection_environment, production_on

    warehouse = connection_environment(server)
    if is_fast:
        return warehouse
    # Each line of the log is one JSON document, so that the story can show those that matter.
    return {**warehouse, **production_on(server).environment(), "MELTANO_CLI_LOG_FORMAT": "json"}


def commands_environment(connection: Mapping[str, str], *, is_coloured: bool) -> dict[str, str]:
    """Give this process's environment without what configures dbt, libpq or Meltano, and with the server's address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PRINTER_WIDTH": "60"}
    colours = {} if is_coloured else {"NO_COLOR": "1", "DBT_USE_COLORS": "false"}
    return {**kept, **connection, **quiet, **colours}


def command_line() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="Show what dbt-state-plugin does, on a PostgreSQL of its own.")
    parser.add_argument("--fast", action="store_true", help="the dbt project alone, in less than a minute")
    return parser.parse_args()


def listen_to_signals() -> Signals:
    """Make SIGINT, SIGTERM and SIGHUP raise Stopped once; later ones must not disturb the cleaning up."""
    signals = Signals()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if not signals.number:
            signals.number = number
            signals.raise_stopped()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)
    return signals


def main() -> int:
    """Tell the story and give the exit code: 0 when all of it came true."""
    arguments = command_line()
    try:
        from dbt_state_plugin.errors import PluginError
    except ModuleNotFoundError:
        print("dbt-state-plugin is not installed here.\nRun `uv run integration_project/demo.py`.", file=sys.stderr)
        return 2
    signals = listen_to_signals()
    try:
        with prepared(signals, is_fast=arguments.fast) as stage:
            (fast_story if arguments.fast else pipeline_story).tell(stage)
    except Stopped as stopped:
        print("\nStopped; the server and the temporary folder are removed.", file=sys.stderr)
        return 128 + stopped.number
    except BrokenStory as broken:
        print(f"\nError: {broken}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # SIGPIPE, which Windows does not have
    except PluginError as error:
        print(f"Error: {error.what}\n  {error.do}", file=sys.stderr)
        return error.exit_code
    say("The server and the temporary folder are removed. Your turn: README.md says how to start on your own project.")
    return 0


def script() -> NoReturn:
    """Run as a program."""
    sys.exit(main())


if __name__ == "__main__":
    script()
