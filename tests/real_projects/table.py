"""Table of real projects' histories, in Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from real_projects.history import Moment, Record
from real_projects.project import CHANGES

_HEADER = ("project", "nodes", "second run", "comment", "edit", "seed row", "var", "macro", "warehouse equal")

EXPLANATION = """\
Nodes have relations (models, seeds, snapshots); tests are not counted. `second run` is what is planned although nothing
was changed; it is left out of all columns to its right. `comment` is what is planned after a comment was added to each
model. For a change: what is planned, of what differs in builds from scratch; missed/extra, where extra is what neither
differs nor reads anything that does.
"""


def table(records: Iterable[Record]) -> str:
    """Return the table; where something was changed a cell says what was planned, needed, missed and extra."""
    lines = [f"| {' | '.join(_HEADER)} |", f"|{'---|' * len(_HEADER)}"]
    lines += [f"| {' | '.join(_row(record))} |" for record in records]
    return "\n".join(lines)


def _row(record: Record) -> list[str]:
    second, commented = record.moments["second"], record.moments["comment"]
    more = len(commented.planned.keys() - second.planned.keys())
    unequal = [name for name, moment in record.moments.items() if moment.unequal]
    return [
        record.project,
        str(record.nodes),
        str(len(second.planned)),
        str(more),
        *(_change(record, record.moments.get(name), second) for name in CHANGES),
        f"not after {', '.join(unequal)}" if unequal else "yes" if record.compared else "not compared",
    ]


def _change(record: Record, moment: Moment | None, second: Moment) -> str:
    if moment is None:
        return "-"
    planned = len(moment.planned.keys() - second.planned.keys())
    if not record.compared:
        return str(planned)
    needed = len(set(moment.needed) - second.planned.keys())
    return f"{planned} of {needed} needed; {len(moment.missed)}/{len(moment.extra)}"


def notes(record: Record) -> list[str]:
    """Return for one project why something is planned again without a change, and all that was not as it should be."""
    lines = [f"### {record.project}", "", *_again(record.moments["second"])]
    if record.volatile:
        columns = [f"{name} ({', '.join(found)})" for name, found in record.volatile_columns.items()]
        lines.append(f"- volatile between two builds from scratch, not compared: {'; '.join(columns) or 'see the log'}")
    if record.by_chance:
        names = ", ".join(record.by_chance)
        lines.append(
            f"- plain dbt leaves other rows in two builds of the same, not compared with what reads it: {names}"
        )
    if record.by_hooks:
        lines.append(f"- hooks of the project wrote other rows into them, not missed: {', '.join(record.by_hooks)}")
    for name, moment in record.moments.items():
        lines += [f"- {name}: {line}" for line in _findings(name, moment)]
    return [*lines, ""]


def _again(second: Moment) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for node, reasons in sorted(second.planned.items()):
        first = min(reasons, key=lambda reason: reason["kind"] == "upstream", default={"kind": "?", "detail": ""})
        kinds.setdefault(first["kind"], []).append(f"{node.split('.', 2)[-1]}: {first['detail']}")
    if not kinds:
        return ["- second run: nothing is planned"]
    lines = []
    for kind, found in sorted(kinds.items(), key=lambda each: -len(each[1])):
        lines.append(f"- second run: {kind} {len(found)}")
        alike = Counter(re.sub(r"^[^:]*: ", "", each) for each in found)
        shown = [f"{count} times: {detail}" if count > 1 else detail for detail, count in alike.most_common(6)]
        lines += [f"  - {line}" for line in shown]
        lines.append(f"  - {', '.join(each.split(':')[0] for each in found)}")
    return lines


def _findings(name: str, moment: Moment) -> list[str]:
    lines = []
    if any(moment.exit_codes):
        lines.append(f"exit codes {moment.exit_codes}")
    if moment.failed:
        lines.append(f"failed in plain dbt, too: {'; '.join(' '.join(each.split())[:160] for each in moment.failed)}")
    if moment.missed and name not in ("first", "second", "comment"):
        lines.append(f"missed {', '.join(moment.missed)}")
    if moment.extra and name not in ("first", "second"):
        extra = [f"{node} ({'; '.join(_reason(each) for each in moment.planned[node][:2])})" for node in moment.extra]
        lines.append(f"extra {', '.join(extra)}")
    if moment.unequal:
        lines.append(f"not equal {_keys(moment.unequal)}")
    if moment.incremental:
        lines.append(f"keeps earlier rows, or reads what does: {_keys(moment.incremental)}")
    return lines


def _reason(reason: dict[str, str]) -> str:
    return f"{reason['kind']}: {reason['detail']}"


def _keys(found: dict[str, list[str]]) -> str:
    return "; ".join(f"{name} ({', '.join(keys)})" for name, keys in found.items())
