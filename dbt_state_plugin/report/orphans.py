"""Orphans as text and JSON."""

from __future__ import annotations

import re
from typing import Any

from dbt_state_plugin.core.values.orphans import Action, Orphan, Orphans
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.report.cause_words import cause_code, cause_words
from dbt_state_plugin.report.document import VERSION, environment_document
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.text import timestamp
from dbt_state_plugin.report.width import wrapped
from dbt_state_plugin.report.words import count

_DONE = {Action.DROP: "dropped", Action.FORGET: "forgotten", Action.KEEP: "kept", Action.REFUSE: "refused"}
_NEEDS_NO_QUOTES = re.compile(r"[a-z_][a-z0-9_]*")


def orphan_lines(orphans: Orphans, *, width: int | None = None) -> list[str]:
    """Return one line per orphan, by name: the relation, who built it and when, and what it is now."""
    found = sorted(orphans.orphans, key=lambda orphan: orphan.record.relation)
    lines = [
        f"{_name(orphan.record.relation)}: {_origin(orphan)}{_because(orphan) or '; there as recorded'}"
        for orphan in found
    ]
    return [part for line in lines for part in wrapped(line, width)]


def intention_lines(orphans: Orphans, *, width: int | None = None) -> list[str]:
    """Return what a drop would do with each orphan, in that order, and its sum in one line."""
    lines = [
        f"  {orphan.action.value:<6}  {_name(orphan.record.relation)}: {_origin(orphan)}{_because(orphan)}"
        for orphan in orphans.orphans
    ]
    return [part for line in [*lines, summary_line(orphans, will=True)] for part in wrapped(line, width)]


def outcome_lines(orphan: Orphan, *, width: int | None = None) -> list[str]:
    """Return what was done with one orphan, and why if it is still there."""
    return wrapped(f"{_DONE[orphan.action]} {_name(orphan.record.relation)}{_because(orphan)}", width)


def summary_line(orphans: Orphans, *, will: bool) -> str:
    """Return how many relations are (with `will`: would be) dropped, forgotten, kept and refused."""
    words = {action: action.value if will else _DONE[action] for action in Action}
    numbers = [(len(orphans.of(action)), words[action]) for action in Action]
    text = ", ".join(f"{number} {'to ' if will else ''}{word}" for number, word in numbers if number)
    return f"Orphans: {text}."


def orphans_document(orphans: Orphans, *, is_done: bool) -> dict[str, Any]:
    """Return the orphans; `action` is what a drop would do and, with `is_done`, `outcome` what was done instead."""
    return {
        "version": VERSION,
        "environment": environment_document(orphans.environment),
        "orphans": [_orphan_document(orphan, is_done=is_done) for orphan in orphans.orphans],
    }


def _orphan_document(orphan: Orphan, *, is_done: bool) -> dict[str, Any]:
    record, check = orphan.record, orphan.check
    return {
        "relation": str(record.relation),
        "unique_id": record.unique_id,
        "resource_type": record.resource_type,
        "materialized": record.materialized,
        "built_at": record.built_at.isoformat(),
        "kind": check.identity.kind.value if check else None,
        "dependents": [dependant.description for dependant in check.dependants] if check else [],
        **({"outcome": _DONE[orphan.action]} if is_done else {"action": orphan.action.value}),
        "why": cause_words(orphan.why),
        "code": cause_code(orphan.why),
    }


def _origin(orphan: Orphan) -> str:
    record, check = orphan.record, orphan.check
    kind = record.identity.kind.word if record.identity else "relation"
    parts = f" with {count(len(check.parts), 'partition')}" if check and check.parts else ""
    return f"{kind}{parts} of {printable(record.unique_id)}, built {timestamp(record.built_at)}"


def _because(orphan: Orphan) -> str:
    return f"; {printable(cause_words(orphan.why))}" if orphan.why else ""


def _name(relation: RelationName) -> str:
    """Return the name without its database, which is the environment's, as psql would take it."""
    parts = (relation.schema, relation.identifier)
    return printable(".".join(part if _NEEDS_NO_QUOTES.fullmatch(part) else _quoted(part) for part in parts))


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'
