"""The `load-plan` command: changed streams, and their reload.

The comparison is with the last successful execution, so a change stays in the plan until a run has succeeded with it.
A reset is recorded, and is not done again while the definition stays the one that it was done for: a load that fails
half-way goes on where it stopped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from dbt_state_plugin.cli.options import shared_options, target_of, text_or_json
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.report.document import VERSION, rendered
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.text import timestamp
from dbt_state_plugin.report.words import count
from meltano_plugin.project import project_of, utility_name

if TYPE_CHECKING:
    from dbt_state_plugin.api import ComparedStep, StepRecord, Target
    from meltano_plugin.load_changes import StreamChange, StreamReason
    from meltano_plugin.pair import Pair
    from meltano_plugin.project import MeltanoProject

KEPT, DUE, RESET, NO_BOOKMARK, RESET_BEFORE = "kept", "to reset", "reset", "no bookmark", "reset before"
EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStream:
    """A changed stream and what happens to its bookmark; `state_ids` are those under which one was removed."""

    change: StreamChange
    status: str
    state_ids: tuple[str, ...] = ()
    reset_at: datetime | None = None


@click.command("load-plan", epilog="\b\nExample:\n  meltano invoke dbt-state-plugin:load-plan --output json")
@click.option("--apply", "applies", is_flag=True, help="Reset the bookmarks of the changed streams.")
@click.option("--since", metavar="EXECUTION", help="Compare with this execution, not with the last successful one.")
@click.option(
    "--exclude",
    "patterns",
    multiple=True,
    metavar="[EXTRACTOR/]STREAM",
    envvar="DBT_STATE_PLUGIN_LOAD_PLAN_EXCLUDE",
    help="Never reset these streams (wildcards as in file names; may be given again).",
)
@click.option(
    "--skip",
    "skips",
    is_flag=True,
    envvar="DBT_STATE_PLUGIN_LOAD_PLAN_SKIP",
    help="Skip this step.",
)
@text_or_json("What is printed: text, or one JSON document.")
@shared_options
@click.pass_context
def load_plan(
    context: click.Context,
    /,
    applies: bool,
    since: str | None,
    patterns: tuple[str, ...],
    skips: bool,
    output: str,
) -> None:
    """Show which streams Meltano loads in another way than before; with --apply they are reloaded."""
    if skips:
        _say_skipped(output)
        return
    if not os.environ.get("MELTANO_PROJECT_ROOT"):
        raise ConfigurationError(
            "load-plan needs a Meltano project.", "Run it as `meltano invoke dbt-state-plugin:load-plan`."
        )
    from dbt_state_plugin.api import compare_step
    from meltano_plugin.load_changes import changes_between
    from meltano_plugin.load_step import RELOAD, load_step

    project, utility = project_of(os.environ), utility_name(os.environ)
    target = target_of(context)
    compared = compare_step(target, load_step(project, utility), since=since and since.lower(), others=(RELOAD,))
    earlier, now = compared.earlier, compared.covered.checksums
    changes = changes_between(earlier.checksums, now, earlier.known) if earlier.execution_id else ()
    _warn_of_strangers(patterns, now)
    streams = tuple(_planned(change, compared.later, patterns) for change in changes)
    if applies:
        streams = _applied(target, project, utility, streams)
    if output == "json":
        click.echo(rendered(_document(project, compared, streams, applies=applies)))
    else:
        write_lines(_lines(project, compared, streams, applies=applies), sys.stdout)


def _say_skipped(output: str) -> None:
    if output == "json":
        click.echo(rendered({"version": VERSION, "skipped": True, "applied": False, "streams": []}))
    else:
        words = "Load plan: skipped, as DBT_STATE_PLUGIN_LOAD_PLAN_SKIP or --skip says. Nothing was reset."
        write_lines([words], sys.stdout)


def is_excluded(pair: str, stream: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern `[EXTRACTOR/]STREAM` fits a stream of a pair."""
    extractor = pair.split(" to ", 1)[0]
    return any(fnmatchcase(stream, each) or fnmatchcase(f"{extractor}/{stream}", each) for each in patterns)


def _warn_of_strangers(patterns: Iterable[str], now: Mapping[str, str]) -> None:
    from meltano_plugin.load_changes import by_stream

    streams = list(by_stream(now))
    for pattern in patterns:
        if not any(is_excluded(pair, stream, [pattern]) for pair, stream in streams):
            write_lines([printable(f"Warning: --exclude {pattern} matches no stream that is loaded.")])


def _planned(change: StreamChange, later: Iterable[StepRecord], patterns: Iterable[str] = ()) -> PlannedStream:
    if not change.wants_reload:
        return PlannedStream(change=change, status=KEPT)
    if is_excluded(change.pair, change.stream, patterns):
        return PlannedStream(change=change, status=EXCLUDED)
    at = reset_before(change, later)
    return PlannedStream(change=change, status=RESET_BEFORE if at else DUE, reset_at=at)


def reset_before(change: StreamChange, later: Iterable[StepRecord]) -> datetime | None:
    """Return when the bookmark was reset for the stream's present definition, or None.

    It does not count when the stream was loaded by another definition after that, also in an execution that failed.
    """
    from meltano_plugin.load_changes import by_stream
    from meltano_plugin.load_step import RELOAD

    at = None
    for step in later:
        recorded = by_stream(step.checksums).get((change.pair, change.stream))
        if recorded is not None:
            is_same = all(recorded.get(name) == checksum for name, checksum in change.definition.items())
            at = (step.started_at if step.name == RELOAD else at) if is_same else None
    return at


def _applied(
    target: Target, project: MeltanoProject, utility: str, streams: tuple[PlannedStream, ...]
) -> tuple[PlannedStream, ...]:
    """Reset what is due and record it; when one of several fails, those that were done are recorded all the same."""
    due = [stream for stream in streams if stream.status == DUE]
    if not due:
        return streams
    done: dict[str, PlannedStream] = {}
    ids = _state_ids(project, utility, due)
    try:
        for stream in due:
            done[stream.change.name] = _reset(project, stream, ids[stream.change.pair])
    finally:
        if done:
            _record(target, list(done.values()))
    return tuple(done.get(stream.change.name, stream) for stream in streams)


def _state_ids(project: MeltanoProject, utility: str, due: list[PlannedStream]) -> dict[str, tuple[str, ...]]:
    """Return the state ids of each pair, before anything is reset; none for a tap that keeps no bookmarks.

    Raises ConfigurationError for a tap with bookmarks of which none is there: they may be kept under another id.
    """
    from meltano_plugin.bookmarks import find_meltano, state_ids
    from meltano_plugin.pair import pairs_of
    from meltano_plugin.plugin import effective_plugin

    pairs: dict[str, Pair] = {str(pair): pair for pair in pairs_of(project, utility)}
    found: dict[str, tuple[str, ...]] = {}
    for name in {stream.change.pair for stream in due}:
        pair = pairs[name]
        capabilities = effective_plugin(project, "extractors", pair.extractor).capabilities
        if capabilities is not None and "state" not in capabilities:
            found[name] = ()
            continue
        state_id = pair.state_id(project.environment)
        found[name] = state_ids(find_meltano(project), state_id)
        if not found[name] and not pair.is_guess:
            raise ConfigurationError(
                f"Meltano keeps no state under {state_id}, so nothing of {pair} can be reset.",
                f"If that is intended, run `meltano run {pair.extractor} {pair.loader}` once; else see "
                "`meltano state list`.",
            )
    return found


def _reset(project: MeltanoProject, stream: PlannedStream, state_ids: Iterable[str]) -> PlannedStream:
    from meltano_plugin.bookmarks import ALL_STREAMS, find_meltano, reset_bookmarks

    name = stream.change.stream
    wanted = {ALL_STREAMS} if any(character in name for character in "*?[") else {name}
    resets = [reset_bookmarks(find_meltano(project), state_id, wanted) for state_id in state_ids]
    touched = tuple(each.state_id for each in resets if each.reset)
    return replace(stream, status=RESET if touched else NO_BOOKMARK, state_ids=touched)


def _record(target: Target, done: list[PlannedStream]) -> None:
    from dbt_state_plugin.api import Covered, record_apart
    from meltano_plugin.load_step import RELOAD, item_of

    checksums = {name: checksum for each in done for name, checksum in each.change.definition.items()}
    items = tuple(item_of(each.change, each.status) for each in done)
    record_apart(target, "load-plan", RELOAD, Covered(checksums=checksums, items=items))


def _document(
    project: MeltanoProject, compared: ComparedStep, streams: Iterable[PlannedStream], *, applies: bool
) -> dict[str, Any]:
    earlier = compared.earlier
    return {
        "version": VERSION,
        "environment": project.environment,
        "since": str(earlier.execution_id) if earlier.execution_id else None,
        "applied": applies,
        "streams": [
            {
                "pair": each.change.pair,
                "stream": each.change.stream,
                "reasons": [reason_words(reason) for reason in each.change.reasons],
                "status": each.status,
                "state_ids": list(each.state_ids),
                "reset_at": each.reset_at.isoformat() if each.reset_at else None,
            }
            for each in streams
        ],
    }


def _lines(
    project: MeltanoProject, compared: ComparedStep, streams: tuple[PlannedStream, ...], *, applies: bool
) -> list[str]:
    from meltano_plugin.load_changes import by_stream

    number = count(len(by_stream(compared.covered.checksums)), "stream")
    earlier = compared.earlier
    if earlier.execution_id is None:
        return [
            f"Load plan for {project.environment}: {number}, and no successful run to compare with; nothing to reset."
        ]
    lines = [
        f"Load plan for {project.environment}: {len(streams)} changed of {number} since execution "
        f"{earlier.execution_id} ({timestamp(earlier.finished_at)})."
    ]
    lines += [f"  {_verb(each):<6} {printable(each.change.name)}: {_words(each)}" for each in streams]
    return [*lines, _last_line(streams, applies=applies)]


def _verb(stream: PlannedStream) -> str:
    if stream.status == EXCLUDED:
        return "keep"
    if stream.status == KEPT:
        from meltano_plugin.load_changes import ChangeKind

        return {ChangeKind.NEW: "new", ChangeKind.REMOVED: "gone"}.get(stream.change.reasons[0].kind, "keep")
    return "reload"


def reason_words(reason: StreamReason) -> str:
    """Return a reason as people and programs read it."""
    return " ".join(filter(None, reason.kept))


def _words(stream: PlannedStream) -> str:
    reasons = printable(", ".join(map(reason_words, stream.change.reasons)))
    ends = {
        RESET: f"; bookmark reset under {printable(', '.join(stream.state_ids))}",
        NO_BOOKMARK: "; no bookmark to reset: it is loaded from the start",
        EXCLUDED: "; excluded: rows that were loaded before stay as they are",
        RESET_BEFORE: f"; bookmark reset at {timestamp(stream.reset_at)} already",
    }
    is_version = stream.status == KEPT and all(each.is_new_release for each in stream.change.reasons)
    return reasons + ("; a new release alone reloads nothing" if is_version else ends.get(stream.status, ""))


def _last_line(streams: tuple[PlannedStream, ...], *, applies: bool) -> str:
    due = sum(stream.status == DUE for stream in streams)
    reset = sum(stream.status == RESET for stream in streams)
    if due:
        return f"Nothing was reset. `load-plan --apply` lets the next load take {count(due, 'stream')} from the start."
    if applies and reset:
        return f"Reset {count(reset, 'stream')}: the next load takes what was reset from the start, and nothing else."
    return "Nothing to reset."
