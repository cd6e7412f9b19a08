"""The demo: a story in real commands, checked as it is told.

    uv run integration_project/demo.py             # from a production database into a warehouse, with Meltano
    uv run integration_project/demo.py --fast      # the dbt project alone, in less than a minute
    uv run integration_project/demo.py --duckdb    # the same without any server: DuckDB, with the state in SQLite

A PostgreSQL of the demo's own is started (not with --duckdb), the project is copied to a temporary folder, and both are
removed at the end, after Ctrl-C too. The exit code is 0 only when every step did what the story says.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn

import fast_story
import pipeline_story
from _support import forks
from story import BrokenStory, Signals, Stage, Stopped, Warehouse, command, say

FOREIGN_SETTINGS = ("DBT_", "PG", "MELTANO_", "TAP_", "TARGET_", "PRODUCTION_", "WAREHOUSE_")


@contextmanager
def prepared(signals: Signals, arguments: argparse.Namespace) -> Iterator[Stage]:
    """Yield a filled warehouse and a copy of the project, and remove both afterwards."""
    from pipeline import copy_project

    is_fast = arguments.fast or arguments.duckdb
    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    with tempfile.TemporaryDirectory(prefix="shop-demo-") as folder:
        opened = in_duckdb(Path(folder)) if arguments.duckdb else in_postgresql(is_fast=is_fast)
        with opened as warehouse:
            project = copy_project(Path(folder))
            stage = Stage(
                project=project / "transform" if is_fast else project,
                transform=project / "transform",
                steps=fast_story.STEPS if is_fast else pipeline_story.STEPS,
                environment=commands_environment(warehouse.environment, is_coloured=is_coloured),
                warehouse=warehouse,
                signals=signals,
                is_coloured=is_coloured,
                forks=is_fast and forks.IS_POSSIBLE,
            )
            if stage.forks:
                forks.import_commands("duckdb" if arguments.duckdb else "postgres")
            introduce(stage, is_fast=is_fast)
            yield stage


def introduce(stage: Stage, *, is_fast: bool) -> None:
    """Say what the shop consists of, and install the packages where Meltano does not."""
    if is_fast:
        say(
            f"A small shop: sources in {stage.warehouse.name}, and a real dbt project, copied "
            "from integration_project/transform to a temporary folder. Every command below is run as you see it."
        )
        command(stage, "dbt deps --quiet")
    else:
        say(
            f"A small shop: its production database and its warehouse in {stage.warehouse.name}, "
            "and a real Meltano project, copied from integration_project to a temporary folder. Every command "
            "below is run as you see it. (`--fast` tells a story without Meltano, in less than a minute.)"
        )


@contextmanager
def in_postgresql(*, is_fast: bool) -> Iterator[Warehouse]:
    """Yield a warehouse on a started server, and a production database beside it unless the sources are filled."""
    from warehouse import connection_environment, load_source, one_value, production_on

    from dbt_state_plugin.testing.postgres_server import start_server

    with start_server(prefer="embedded") as server:
        environment = connection_environment(server)
        if is_fast:
            load_source(server)
        else:
            # Each line of the log is one JSON document, so that the story can show those that matter.
            environment |= {**production_on(server).environment(), "MELTANO_CLI_LOG_FORMAT": "json"}
        yield Warehouse(
            name=f"a throw-away PostgreSQL {server.version}",
            state="your own database",
            environment=environment,
            value=partial(one_value, server),
        )


@contextmanager
def in_duckdb(folder: Path) -> Iterator[Warehouse]:
    """Yield a warehouse that is a file of the folder; the state comes to lie beside it."""
    from warehouse import load_source_into_file, one_value_of_file

    file = folder / "warehouse.duckdb"
    load_source_into_file(file)
    yield Warehouse(
        name="a DuckDB file",
        state="an SQLite file beside the warehouse",
        environment={"WAREHOUSE_FILE": str(file), "DBT_TARGET": "duckdb"},
        value=partial(one_value_of_file, file),
    )


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
    parser.add_argument("--duckdb", action="store_true", help="the same in a DuckDB file, without any server")
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


def _refused(missing: str, extras: str) -> int:
    where = Path(__file__).parents[1]
    is_checkout = (where / "uv.lock").is_file()
    do = (
        f"uv run --directory {where} integration_project/demo.py"
        if is_checkout
        else f'pip install "dbt-state-plugin[{extras}]"'
    )
    print(f"{missing} is not installed here.\nRun `{do}`.", file=sys.stderr)
    return 2


def main() -> int:
    """Tell the story and give the exit code: 0 when all of it came true."""
    arguments = command_line()
    try:
        from dbt_state_plugin.errors import PluginError
    except ModuleNotFoundError:
        return _refused("dbt-state-plugin", "meltano,embedded")
    if arguments.duckdb and find_spec("dbt.adapters.duckdb") is None:
        return _refused("dbt-duckdb", "duckdb")
    if not (arguments.duckdb or arguments.fast) and find_spec("meltano") is None:
        return _refused("Meltano", "meltano")
    removed = "temporary folder is" if arguments.duckdb else "server and the temporary folder are"
    signals = listen_to_signals()
    try:
        with prepared(signals, arguments) as stage:
            (fast_story if arguments.fast or arguments.duckdb else pipeline_story).tell(stage)
    except Stopped as stopped:
        print(f"\nStopped; the {removed} removed.", file=sys.stderr)
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
    say(f"The {removed} removed. Your turn: README.md says how to start on your own project.")
    return 0


def script() -> NoReturn:
    """Run as a program."""
    sys.exit(main())


if __name__ == "__main__":
    script()
