"""What does dbt-state-plugin do to a real dbt project? A story in real commands, each checked as it is told.

A PostgreSQL of the demo's own is started, `transform/` is copied to a temporary folder, and both are removed at the
end, after Ctrl-C too. The exit code is 0 only when every step did what the story says.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from postgres_server import Server

WIDTH = 78  # columns
PATIENCE = 10  # seconds that a stopped command has to end by itself
# What the user types, and what runs: the same program of the Python that runs this file, wherever PATH leads.
PROGRAMS = {
    "dbt-state-plugin": ("-m", "dbt_state_plugin"),
    "dbt": ("-c", "from dbt.cli.main import cli; cli()"),
}
FOREIGN_SETTINGS = ("DBT_", "PG", "MELTANO_", "WAREHOUSE_")
STEPS = 8

COUNTRY = "models/marts/revenue_by_country.sql"
CUSTOMERS = "models/marts/customers.sql"
METHODS = "models/marts/payments_by_method.sql"
MONEY = "macros/money.sql"


class BrokenStory(Exception):
    """Say which step did not do what the story says."""


class Stopped(BaseException):
    """Carry the number of the signal that ended the demo; like KeyboardInterrupt it is no Exception."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True, kw_only=True)
class Signals:
    """Remember the signal that asked the demo to stop, and whether that has to wait for a moment."""

    number: int = 0
    is_deferred: bool = False

    def raise_stopped(self) -> None:
        """Raise Stopped where a signal came."""
        if self.number and not self.is_deferred:
            raise Stopped(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Hold what one tracked run did: how many models it built of those that it planned, and its wall time."""

    name: str
    built: int
    planned: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Hold where the story plays: the copy of the project, the commands' environment, and what happened so far."""

    project: Path
    environment: Mapping[str, str] = field(repr=False)
    server: Server
    signals: Signals
    is_coloured: bool
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def models(self) -> int:
        """Give the number of models, as the first run counted them."""
        return self.chapters[0].planned


def tell(stage: Stage) -> None:
    """Tell the whole story; raises BrokenStory where it does not come true."""
    first_run(stage)
    nothing_changed(stage)
    edited_model(stage)
    changed_macro(stage)
    amount = lifetime_amount(stage)
    broken_model(stage, amount)
    taken_back(stage, amount)
    fed_to_dbt(stage)
    history(stage)
    summary(stage)


def first_run(stage: Stage) -> None:
    """Build everything once."""
    heading(stage, 1, "The first time, everything is built and recorded")
    say("What stands after `--` goes to dbt; `--quiet` keeps its lines out of this story.")
    command(stage, "dbt-state-plugin seed -- --quiet")
    command(stage, "dbt-state-plugin snapshot -- --quiet")
    first = tracked(stage, "first run", "dbt-state-plugin run -- --quiet")
    expect(first.planned == first.built > 0, "the first run builds every model", first)


def nothing_changed(stage: Stage) -> None:
    """Run again."""
    heading(stage, 2, "Run again: nothing changed, so dbt is not started")
    second = tracked(stage, "nothing changed", "dbt-state-plugin run")
    expect(second.planned == second.built == 0, "a run without changes builds nothing", second)


def edited_model(stage: Stage) -> None:
    """Edit one model and ask why before running."""
    heading(stage, 3, "Edit one model, ask why, run")
    edit(stage, COUNTRY, "orders.status <> 'returned'", "orders.status = 'completed'")
    command(stage, "dbt-state-plugin explain revenue_by_region")
    run = tracked(stage, "one model edited", "dbt-state-plugin run -- --quiet")
    expect(run.planned == run.built == 2, "the edited model and the one that reads it are built", run)


def changed_macro(stage: Stage) -> None:
    """Change a macro that models reach only through two others."""
    heading(stage, 4, "Change a macro three levels down")
    say("Models call `money`, which calls `cents_to_units`, which calls `rounding`.")
    edit(stage, MONEY, "round({{ expression }}, 2)", "trunc({{ expression }}, 2)")
    run = tracked(stage, "a macro three levels down", "dbt-state-plugin run -- --quiet")
    expect(0 < run.planned == run.built < stage.models, "the models that reach the macro are built, others not", run)


def broken_model(stage: Stage, amount: str) -> None:
    """Edit two models, one of them wrongly."""
    heading(stage, 5, "Edit two models; the second one breaks")
    edit(stage, CUSTOMERS, "sum(orders.amount)", "sum(orders.amount - orders.fee)")
    edit(stage, COUNTRY, "orders.status = 'completed'", "orders.state = 'completed'")
    run = tracked(stage, "one of two edits breaks", "dbt-state-plugin run -- --quiet", ends_with=1)
    expect(run.planned == 4 and run.built == 2, "two of four models are built and kept, two are still to be built", run)
    now = lifetime_amount(stage)
    expect(now != amount, "the edit of customers has reached its table")
    say(
        f"What was built is kept: the lifetime amounts in `customers` add up to {now} now; it was {amount}. "
        "What failed, and what reads it, is to be built next time."
    )


def taken_back(stage: Stage, amount: str) -> None:
    """Revert both edits: the files are those of the last run that succeeded, the tables are not."""
    heading(stage, 6, "Take both edits back: the tables have to follow")
    say(
        "Every file is again as the last successful run saw it. A tool that compares with that run selects nothing and "
        "leaves the edit in `customers`. Here the state is kept for each table:"
    )
    edit(stage, CUSTOMERS, "sum(orders.amount - orders.fee)", "sum(orders.amount)")
    edit(stage, COUNTRY, "orders.state = 'completed'", "orders.status = 'completed'")
    run = tracked(stage, "both edits taken back", "dbt-state-plugin run -- --quiet")
    expect(run.planned == run.built == 4, "all four models are built again", run)
    now = lifetime_amount(stage)
    expect(now == amount, "customers holds what it held before the edits")
    say(f"The lifetime amounts in `customers` add up to {now} again.")


def fed_to_dbt(stage: Stage) -> None:
    """Give the list of models to a plain `dbt run`."""
    heading(stage, 7, "The same list for `dbt run` by hand")
    edit(stage, METHODS, "count(payments.payment_id)", "count(distinct payments.payment_id)")
    selection = command(stage, "dbt-state-plugin select", reads=True).stdout.strip()
    command(stage, f"dbt run --select {selection}")
    artifact = json.loads((stage.project / "target" / "run_results.json").read_text(encoding="utf-8"))
    built = [result["unique_id"] for result in artifact["results"] if result["status"] == "success"]
    expect(built == ["model.shop.payments_by_method"], "dbt builds exactly the edited model")
    say("dbt by itself records nothing, so the next `dbt-state-plugin run` builds that model once more.")


def history(stage: Stage) -> None:
    """Show what is recorded."""
    heading(stage, 8, "What is recorded, in your own database")
    command(stage, "dbt-state-plugin history --limit 6")


def summary(stage: Stage) -> None:
    """Print the numbers."""
    say_line("\n\n" + styled(stage, "1", f"{'run':<28}{'models built':>14}{'seconds':>10}"))
    for chapter in stage.chapters:
        share = f"{chapter.built} of {stage.models}"
        say_line(f"{chapter.name:<28}{share:>14}{chapter.seconds:>10.1f}")
    runs, built = len(stage.chapters), sum(chapter.built for chapter in stage.chapters)
    say(f"Plain `dbt run` would have built {runs * stage.models} models in these {runs} runs; {built} were enough.")


def heading(stage: Stage, number: int, text: str) -> None:
    """Print the title of a step."""
    title = f"{number}/{STEPS}  {text}"
    say_line(f"\n\n{styled(stage, '1', title)}\n{'-' * len(title)}")


def say(text: str) -> None:
    """Print a paragraph."""
    say_line("\n" + textwrap.fill(text, WIDTH, break_on_hyphens=False))


def say_line(text: str) -> None:
    """Print at once, so that commands that write to the same place come after it."""
    print(text, flush=True)


def styled(stage: Stage, code: str, text: str) -> str:
    """Give the text in a style of the terminal, where one is wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if stage.is_coloured else text


def edit(stage: Stage, path: str, old: str, new: str) -> None:
    """Replace a piece of a file of the copy and show the lines that it changes."""
    file = stage.project / path
    before = file.read_text(encoding="utf-8")
    expect(old in before, f"{path} holds {old!r}")
    file.write_text(before.replace(old, new), encoding="utf-8")
    say_line(f"\nEdit {path}:")
    for line in before.splitlines():
        if old in line:
            say_line(styled(stage, "31", f"- {line.strip()}"))
            say_line(styled(stage, "32", f"+ {line.strip().replace(old, new)}"))


def command(
    stage: Stage, line: str, *, ends_with: int = 0, reads: bool = False, is_shown: bool = True
) -> subprocess.CompletedProcess[str]:
    """Print a command as the user would type it and run it; raises BrokenStory for another exit code.

    With `reads` its answer on stdout is returned, and shown too.
    """
    if is_shown:
        say_line("\n" + styled(stage, "1;36", f"$ {line}"))
    program, *arguments = shlex.split(line)
    stage.signals.is_deferred = True  # until there is a process that can be stopped
    process = subprocess.Popen(
        [sys.executable, *PROGRAMS[program], *arguments],
        cwd=stage.project,
        env=stage.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if reads else None,
        stderr=sys.stdout,  # one stream for all, so that the story stays whole in a pipe
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which then stops the command
    )
    stage.signals.is_deferred = False
    try:
        stage.signals.raise_stopped()
        answer, _ = process.communicate()
    except BaseException:
        stop(process)
        raise
    if reads and is_shown:
        say_line(answer.rstrip("\n"))
    expect(process.returncode == ends_with, f"`{line}` ends with {ends_with} (it ended with {process.returncode})")
    return subprocess.CompletedProcess(process.args, process.returncode, answer)


def stop(process: subprocess.Popen[str]) -> None:
    """End a command in order, or at once when it does not listen."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tracked(stage: Stage, name: str, line: str, *, ends_with: int = 0) -> Chapter:
    """Run a command that is recorded, and give what the history says about it."""
    started = time.monotonic()
    command(stage, line, ends_with=ends_with)
    seconds = time.monotonic() - started
    answer = command(stage, "dbt-state-plugin history --limit 1 --output json", reads=True, is_shown=False).stdout
    recorded = json.loads(answer)["executions"][0]
    chapter = Chapter(name=name, built=recorded["succeeded"], planned=recorded["planned"], seconds=seconds)
    stage.chapters.append(chapter)
    status = "failed" if ends_with else "succeeded"
    expect(recorded["status"] == status, f"the run is recorded as {status}", chapter)
    return chapter


def expect(came_true: bool, what: str, chapter: Chapter | None = None) -> None:
    """Raise BrokenStory where something did not come true."""
    if not came_true:
        found = f"; {chapter.built} of {chapter.planned} planned models were built" if chapter else ""
        raise BrokenStory(f"This was to happen and did not: {what}{found}.")


def lifetime_amount(stage: Stage) -> str:
    """Give the sum of what the table `customers` says that customers paid."""
    from postgres_server import connect

    with closing(connect(stage.server)) as opened, opened.cursor() as cursor:
        cursor.execute("SELECT sum(lifetime_amount)::numeric(12, 2)::text FROM analytics.customers")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


@contextmanager
def prepared(signals: Signals) -> Iterator[Stage]:
    """Yield a started server with the source tables and a copy of the project, and remove both afterwards."""
    from postgres_server import start_server
    from warehouse import TRANSFORM, connection_environment, load_source

    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    with tempfile.TemporaryDirectory(prefix="shop-demo-") as folder, start_server(prefer="embedded") as server:
        project = Path(folder) / "transform"
        shutil.copytree(
            TRANSFORM, project, ignore=shutil.ignore_patterns("dbt_packages", "target", "logs", ".user.yml")
        )
        load_source(server)
        stage = Stage(
            project=project,
            environment=commands_environment(connection_environment(server), is_coloured=is_coloured),
            server=server,
            signals=signals,
            is_coloured=is_coloured,
        )
        say(
            f"A small shop: sources in a throw-away PostgreSQL {server.version}, and a real dbt project, copied from "
            "integration_project/transform to a temporary folder. Every command below is run as you see it."
        )
        command(stage, "dbt deps --quiet")
        yield stage


def commands_environment(connection: Mapping[str, str], *, is_coloured: bool) -> dict[str, str]:
    """Give this process's environment without what configures dbt, libpq or Meltano, and with the server's address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PRINTER_WIDTH": "60"}
    colours = {} if is_coloured else {"NO_COLOR": "1", "DBT_USE_COLORS": "false"}
    return {**kept, **connection, **quiet, **colours}


def listen_to_signals() -> Signals:
    """Make SIGINT, SIGTERM and SIGHUP raise Stopped once; later ones must not disturb the cleaning up."""
    signals = Signals()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if not signals.number:
            signals.number = number
            signals.raise_stopped()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    return signals


def main() -> int:
    """Tell the story and give the exit code: 0 when all of it came true."""
    try:
        from dbt_state_plugin.errors import PluginError
    except ModuleNotFoundError:
        print("dbt-state-plugin is not installed here.\nRun `uv run integration_project/demo.py`.", file=sys.stderr)
        return 2
    signals = listen_to_signals()
    try:
        with prepared(signals) as stage:
            tell(stage)
    except Stopped as stopped:
        print("\nStopped; the server and the temporary folder are removed.", file=sys.stderr)
        return 128 + stopped.number
    except BrokenStory as broken:
        print(f"\nError: {broken}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
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
