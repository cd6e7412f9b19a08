"""Plans, runs and history as text.

No line is wider than the terminal; in a pipe nothing is cut, and messages are folded. Colours are the command line's:
lines say what their parts are.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TextIO

from dbt_state_plugin.core.decision.logic_change import is_written_in_place
from dbt_state_plugin.core.undeclared import undeclared_inputs
from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import OldRows, ReasonKind
from dbt_state_plugin.core.values.results import RunResult, StepItem
from dbt_state_plugin.core.values.wrapping import columns
from dbt_state_plugin.report.estimate import estimate_lines, savings_lines
from dbt_state_plugin.report.folding import FOLD_AFTER, folded, listed, more_line
from dbt_state_plugin.report.line import Line, Style, beginning, headed, line_of
from dbt_state_plugin.report.printable import printable, relation_shown
from dbt_state_plugin.report.reason_words import (
    extra_words,
    hook_words,
    reason_words,
    short_name,
    undeclared_words,
    untold_words,
)
from dbt_state_plugin.report.width import padded, truncated, wrapped
from dbt_state_plugin.report.words import category, count, duration, existence_words, summary_line

_SAYS_WHERE = re.compile(r"(\w+ Error in \w+ .*\(.*\)|compiled code at .*)$")
_LINE = re.compile(r"\s*LINE \d+: ")  # PostgreSQL's
_FURTHER = re.compile(r" (?=(?:HINT|DETAIL|CONTEXT): )")  # PostgreSQL's too
_FAILED, _SUCCEEDED = ("Failed", Style.FAILED), ("Succeeded", Style.SUCCEEDED)
_NAMED = 5
_IN_A_PIPE = 80  # columns of a message


def width_of(stream: TextIO) -> int | None:
    """Return the width of a terminal, or None if nothing is to be cut."""
    return max(20, shutil.get_terminal_size().columns) if stream.isatty() else None


def plan_lines(
    plan: Plan, *, shows_all: bool = False, width: int | None = None, ends_with_summary: bool = True
) -> list[str]:
    """Return the plan: one line per planned node with its first reason, then the summary."""
    lines = entry_lines(plan.to_build, "build", shows_all=shows_all)
    lines += entry_lines(plan.waiting, "later", shows_all=shows_all)
    if shows_all:
        column = column_of(plan.skipped)
        for entry in plan.skipped:
            skipped = f"  skip   {padded(label(entry), column)}  {_why_not(entry)}"
            lines += [line_of((skipped, Style.QUIET)), *_more_lines(entry)]
    for hook, why in plan.hooks.items():
        lines.append(line_of("  ", ("hook", Style.CARE), f"   {printable(short_name(hook))}  {hook_words(why)}"))
    rows = [truncated(line, width) for line in lines]
    rows += [part for line in _removed_lines(plan) for part in wrapped(line, width)]  # its end says where to look
    rows += [truncated(line, width) for line in _exposure_lines(plan, shows_all=shows_all)]
    more = [*_warnings(plan), *estimate_lines(plan.estimate)]
    if ends_with_summary:
        summary = summary_line(plan)
        more.append(headed(summary) if rows or more else summary)
    return rows + [part for line in more for part in wrapped(line, width)]


def _removed_lines(plan: Plan) -> list[str]:
    """Return a line for each recorded relation that no node writes any more, with whether it was there."""
    lines: list[str] = []
    for record in plan.removed:
        relation, is_there = printable(relation_shown(record.relation)), existence_words(plan, record.relation)
        rest = f" {printable(record.unique_id)}: relation {relation} {is_there} (see `state orphans`)"
        lines.append(line_of("  ", ("removed", Style.CARE), rest))
    return lines


def _exposure_lines(plan: Plan, *, shows_all: bool) -> list[str]:
    """Return a line for each dashboard or the like that reads what is built."""
    lines: list[str] = []
    for affected in plan.exposures:
        exposure, names = affected.exposure, [short_name(node) for node in affected.below]
        owner = f", of {exposure.owner}" if exposure.owner else ""
        more = f" (+{len(names) - 1} more)" if len(names) > 1 else ""
        words = printable(f"  {exposure.kind} {exposure.name}{owner}: reads {names[0]}{more}")
        lines.append(line_of("  ", ("feeds", Style.QUIET), words))
    return folded(lines, "`plan --all` shows every one", is_whole=shows_all)


def _more_lines(entry: PlanEntry) -> list[str]:
    return [f"         {words}" for words in more_words(entry)]


def more_words(entry: PlanEntry) -> list[str]:
    """Return what was added by hand to the relation of a node, and what it reads that dbt's graph lacks."""
    extra = [extra_words(thing, in_place=is_written_in_place(entry.node)) for thing in entry.extra]
    return extra + [undeclared_words(found) for found in undeclared_inputs(entry.node, entry.record)]


def _why_not(entry: PlanEntry) -> str:
    cosmetic = f"; {reason_words(entry.cosmetic[0])}" if entry.cosmetic else ""
    return unchanged_since(entry) + cosmetic


_COMMANDS = {"seed": "seed", "model": "run", "snapshot": "snapshot"}  # that build nodes of this kind
# The word that calls for care, if there is one, and what follows it.
_OLD_ROWS = {
    OldRows.KEPT: ("warning", ": existing rows keep the earlier logic, unless --full-refresh-changed"),
    OldRows.PROTECTED: ("warning", ": existing rows keep the earlier logic, since dbt never rebuilds them"),
    OldRows.REBUILT: ("", "all rows are rebuilt, since their logic changed"),
    OldRows.REFUSED: ("refused", " by on_logic_change: fail, unless --full-refresh-changed"),
}
_OLD_COLUMNS = {
    OldRows.KEPT: ("warning", ": tables keep their earlier columns and types, unless --full-refresh-changed"),
    OldRows.PROTECTED: (
        "warning",
        ": tables keep their earlier columns and types, since full_refresh: false does not let them be dropped",
    ),
    OldRows.REBUILT: ("", "tables are loaded from scratch, since their columns or types changed"),
    OldRows.REFUSED: _OLD_ROWS[OldRows.REFUSED],
}


def _warnings(plan: Plan) -> list[str]:
    """Return what becomes of the rows that an earlier logic has built; dbt keeps what incremental models hold.

    Seeds whose tables keep their earlier columns are named in every plan, also where nothing is built.
    """
    lines = []
    for rows, (word, words) in _OLD_ROWS.items():
        names = [label(e) for e in plan.to_build if e.old_rows is rows and e.node.resource_type != "seed"]
        lines += _warning(word, words, names)
    for rows, (word, words) in _OLD_COLUMNS.items():
        names = [label(e) for e in plan.to_build if e.old_rows is rows and e.node.resource_type == "seed"]
        if rows is OldRows.KEPT:
            names = [printable(f"seed {short_name(seed)}") for seed in plan.outdated_seeds]
        lines += _warning(word, words, names)
    if not plan.entries and not plan.unlisted:
        lines.append(f"  the project has nothing that `dbt {plan.command}` builds: see the paths in dbt_project.yml")
    lines += absent_lines(plan)
    return lines + [f"not told by this warehouse: {untold_words(feature)}" for feature in plan.untold]


def absent_lines(plan: Plan) -> list[str]:
    """Return what another command has to build first, since it is read and does not exist yet."""
    kinds = {unique_id.partition(".")[0] for unique_id in plan.absent_above}
    commands = " and ".join(f"`{command}`" for kind, command in _COMMANDS.items() if kind in kinds)
    names = [printable(f"{each.partition('.')[0]} {short_name(each)}") for each in plan.absent_above]
    return _warning("", f"run {commands} first, or `build`, since these do not exist yet and are read", names)


def _warning(word: str, words: str, names: list[str]) -> list[str]:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return [warning_line(word, f"{words}: {shown}")] if names else []


def warning_line(word: str, words: str) -> Line:
    """Return a warning as a line: the word that calls for care, if there is one, and what follows it."""
    return line_of("  ", (word, Style.CARE), words)


def entry_lines(entries: Iterable[PlanEntry], word: str, *, shows_all: bool) -> list[str]:
    """Return a line for each entry; in a long list those downstream of others, or all of them, go by their folders."""
    entries = tuple(entries)
    shown = entries
    folded: tuple[PlanEntry, ...] = ()
    if len(entries) > FOLD_AFTER and not shows_all:
        shown = tuple(entry for entry in entries if category(entry) != "downstream")
        shown = shown if len(shown) <= FOLD_AFTER else ()
        named = {entry.node.unique_id for entry in shown}
        folded = tuple(entry for entry in entries if entry.node.unique_id not in named)
    column = column_of(shown)
    lines: list[str] = []
    for entry in shown:
        is_new = entry.reasons[0].kind is ReasonKind.NEW  # that says enough
        more = f" (+{len(entry.reasons) - 1} more)" if len(entry.reasons) > 1 and not is_new else ""
        words = if_words(entry) if entry.hangs_on else f"{reason_words(entry.reasons[0])}{more}"
        mark = (f"{word}?" if entry.hangs_on else word, _STYLES.get(word))
        lines.append(node_line(mark, label(entry), column, words))
        lines += _more_lines(entry) if shows_all else []
    return lines + _folder_lines(folded, word)


_STYLES = {"build": Style.BUILD, "later": Style.LATER}


def node_line(mark: tuple[str, Style | None], name: str, column: int, words: str) -> Line:
    """Return the line of a node: the word for what becomes of it, its name in a column, and why."""
    return _marked(mark, name) + f"{' ' * (column - columns(name))}  {words}"


def _marked(mark: tuple[str, Style | None], name: str) -> Line:
    word, style = mark
    return line_of("  ", mark, " " * (6 - len(word)) + " ", (name, Style.NODE if style else None))


def if_words(entry: PlanEntry) -> str:
    """Return which outcomes the build of a node depends on, if it may be cut off."""
    first, *others = entry.hangs_on
    more = f" (or {len(others)} more)" if others else ""
    return printable(f"if {short_name(first)} comes out different{more}")


def _folder_lines(entries: tuple[PlanEntry, ...], word: str) -> list[str]:
    folders: dict[str, Counter[tuple[bool, str]]] = {}
    for entry in entries:
        counted = folders.setdefault(posixpath.dirname(entry.node.path) or ".", Counter())
        counted[entry.node.is_test, category(entry)] += 1
    names = {folder: f"{printable(folder)}/" for folder in sorted(folders)}
    column = min(48, max((columns(name) for name in names.values()), default=0))
    mark = (word, _STYLES.get(word))
    lines: list[str] = []
    for folder, name in names.items():
        what = ", ".join(
            count(number, f"{kind} test") if is_test else f"{number} {kind}"
            for (is_test, kind), number in sorted(folders[folder].items())
        )
        lines.append(node_line(mark, name, column, what))
    if len(lines) > FOLD_AFTER:
        rest = len(lines) - FOLD_AFTER
        lines[FOLD_AFTER:] = [_marked(mark, f"... and {count(rest, 'more folder')}")]
    return [*lines, line_of("  ", ("...", Style.QUIET), "    `plan --all` shows every node")] if lines else []


def column_of(entries: Iterable[PlanEntry]) -> int:
    """Return the width of a column of labels."""
    return min(32, max((columns(label(entry)) for entry in entries), default=0))


def label(entry: PlanEntry) -> str:
    """Return the short name of a node with its kind, if it is no model."""
    kind = "" if entry.node.resource_type == "model" else f"{entry.node.resource_type} "
    return printable(kind + short_name(entry.node.unique_id))


def unchanged_since(entry: PlanEntry) -> str:
    """Return since when a node is unchanged."""
    return f"unchanged since {timestamp(entry.record.built_at)}" if entry.record else "unchanged"


def timestamp(time: datetime | None) -> str:
    """Return a time to the second, with its offset from UTC."""
    return time.isoformat(sep=" ", timespec="seconds") if time else "-"


def first_line(plan: Plan, target_choice: str = "") -> str:
    """Return what is built and why in one line, for logs in which the first line is all that people see."""
    how = f", {target_choice}" if target_choice else ""
    return summary_line(plan) + printable(f" ({plan.command}, target {plan.environment.target}{how})")


def step_lines(step: str, items: Iterable[StepItem], *, width: int | None = None) -> list[str]:
    """Return a line for each thing that changed in an external step, such as a stream of a loader."""
    items = tuple(items)
    column = min(48, max((columns(printable(item.name)) for item in items), default=0))
    lines = [
        f"  {printable(step.lower()):<6} {padded(printable(item.name), column)}  {step_reasons(item)}" for item in items
    ]
    return [truncated(line, width) for line in folded(lines)]


def step_reasons(item: StepItem) -> str:
    """Return the reasons of an item in words."""
    return printable(", ".join(" ".join(part for part in reason if part) for reason in item.reasons))


def result_lines(
    result: RunResult, *, width: int | None = None, says_why: bool = False, is_told_by_dbt: bool = False
) -> list[str]:
    """Return the result of a run: first what has to be built again and why, then the outcome.

    With `says_why` that last line says the first failure too: for logs in which nobody sees an exit code. Errors that
    dbt has told in full, with hints and the place in the statement, are told in short (`is_told_by_dbt`).
    """
    lines = _again_lines(result, width, is_short=is_told_by_dbt)
    for hook, message in result.failed_hooks.items():
        lines += _folded(printable(f"  again  hook {short_name(hook)}  {first_message(message)}"), width)
    lines += _cut_lines(result)
    lines += absent_lines(result.plan) if result.failed_ids else []
    removed = [entry for entry in result.built if entry.node.unique_id in result.removed_by_hooks]
    for entry in removed:
        words = f"   {label(entry)}  removed by its own hook, as dbt leaves it"
        lines.append(line_of("  ", ("gone", Style.CARE), words))
    lines += savings_lines(result.plan.savings) if result.plan.to_build else []
    ends = [_outcome_line(result) + _first_failure(result)] if says_why else _outcome_lines(result, width)
    return [part for line in [*lines, *ends] for part in wrapped(line, width)]


def _folded(line: str, width: int | None) -> list[str]:
    """Return a line with a message of dbt's on as many lines as it needs, in a pipe too."""
    return wrapped(line, width or _IN_A_PIPE)


def _outcome_lines(result: RunResult, width: int | None) -> list[str]:
    """Return how a run ended; the id of a failed one stands on a line of its own where it has no room."""
    line = _outcome_line(result)
    if result.status == "succeeded" or columns(line) <= (width or _IN_A_PIPE):
        return [line]
    what, execution, identifier = line.rpartition(" Execution ")
    return [beginning(line, what), f" {execution}{identifier}"]


def _cut_lines(result: RunResult) -> list[str]:
    """Return what needed no build after all, and what came out equal above it."""
    entries = [entry for entry in result.plan.to_build if entry.node.unique_id in result.cut_off]
    column = column_of(entries[:FOLD_AFTER])
    lines = [
        node_line(("cut", Style.LATER), label(entry), column, printable(result.cut_off[entry.node.unique_id]))
        for entry in entries
    ]
    return folded(lines, f"`show {result.execution_id}` lists them")


def _again_lines(result: RunResult, width: int | None, *, is_short: bool) -> list[str]:
    """Return what has to be built again; a cause that failed several nodes is said once, with where the database is."""
    failed = result.failed_ids
    groups: dict[str, list[PlanEntry]] = {}
    for entry in result.plan.to_build:
        if entry.node.unique_id in failed:
            groups.setdefault(_failure(result, entry.node.unique_id), []).append(entry)
    lines = []
    for cause, entries in list(groups.items())[:FOLD_AFTER]:
        lines += _folded(f"  again  {_labels(entries)}  {_FURTHER.split(cause)[0] if is_short else cause}", width)
        places = [] if is_short else _places(result, entries[0].node.unique_id)
        lines += [truncated(f"         {line}", width) for line in places]
    left = sum(len(entries) for entries in list(groups.values())[FOLD_AFTER:])
    return [*lines, more_line(left, f"`show {result.execution_id}` lists them")] if left else lines


def _labels(entries: list[PlanEntry]) -> str:
    return listed([label(entry) for entry in entries], _NAMED)


def _places(result: RunResult, node: str) -> list[str]:
    """Return the line of the statement at which the database stopped, with its caret below it."""
    if node in result.unrecorded:
        return []
    return [printable(line) for line in place_lines(result.outcomes[node].message)]


def _first_failure(result: RunResult) -> str:
    """Return the first node that failed by itself, else the first that was not built, with its message."""
    failed = [entry for entry in result.plan.to_build if entry.node.unique_id in result.failed_ids]
    outcomes = result.outcomes
    own = [e for e in failed if e.node.unique_id in outcomes and outcomes[e.node.unique_id].status != "skipped"]
    first = next(iter([*own, *failed]), None)
    return f" Why: {label(first)}: {_failure(result, first.node.unique_id)}" if first else ""


def _failure(result: RunResult, node: str) -> str:
    if node in result.unrecorded:
        return printable(f"not recorded: {result.unrecorded[node]}")
    outcome = result.outcomes[node]
    message = first_message(outcome.message)
    return printable(f"{outcome.status}: {message}" if message else outcome.status)


def first_message(message: str) -> str:
    """Return dbt's message on one line, without the lines that only say where: the node stands beside it.

    Earlier versions stored it with dbt's colours.
    """
    places = {line.strip() for line in place_lines(message)}
    lines = [line.strip() for line in without_colours(message).splitlines() if line.strip() not in places]
    telling = [line for line in lines if line and not _SAYS_WHERE.match(line)]
    return " ".join(" ".join(telling or lines).split())


def place_lines(message: str) -> list[str]:
    """Return the lines of a database's error that show the statement, `LINE 7: ...` and the caret below it."""
    lines = without_colours(message).splitlines()
    at = next((number for number, line in enumerate(lines) if _LINE.match(line)), None)
    if at is None:
        return []
    caret = [line for line in lines[at + 1 : at + 2] if set(line.strip()) == {"^"}]
    return textwrap.dedent("\n".join([lines[at], *caret])).splitlines()


def _outcome_line(result: RunResult) -> str:
    skipped = f"{result.plan.left_alone} skipped"
    if result.saved_ms:
        skipped += f" (about {duration(result.saved_ms)} saved)"
    time = duration(result.elapsed_ms)
    execution = f"Execution {result.execution_id}."
    built = count(len(result.built), "node")
    if result.failed_hooks and not result.failed_ids:
        hooks = count(len(result.failed_hooks), "on-run hook")
        return line_of(_FAILED, f": {built} built, {hooks} to be run again next time, in {time}. {execution}")
    if not result.plan.to_build:
        return f"Nothing to build: {skipped}. Took {time}; execution {result.execution_id}."
    if result.status == "succeeded":
        return line_of(_SUCCEEDED, f": {built} built in {time}, {_cut_off_count(result)}{skipped}. {execution}")
    again = count(len(result.failed_ids), "node")
    return line_of(_FAILED, f": {built} built, {again} to be built again next time, in {time}. {execution}")


def _cut_off_count(result: RunResult) -> str:
    """Return how many nodes were cut off and how long they took the last time, nothing if there are none."""
    if not result.cut_off:
        return ""
    entries = [entry for entry in result.plan.to_build if entry.node.unique_id in result.cut_off]
    saved = sum((entry.record.duration_ms or 0) for entry in entries if entry.record is not None)
    return f"{len(entries)} cut off" + (f" (about {duration(saved)} saved), " if saved else ", ")


def write_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Write lines to a stream (default: stderr) at once, so that they keep their place beside dbt's own."""
    stream = stream or sys.stderr
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()
