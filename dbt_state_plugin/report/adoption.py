"""Adoptions as text and JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dbt_state_plugin.core.comparison.adoption import Adoption, Candidate, Outcome
from dbt_state_plugin.core.values.wrapping import columns
from dbt_state_plugin.report.cause_words import cause_code, cause_words
from dbt_state_plugin.report.document import VERSION, environment_document
from dbt_state_plugin.report.folding import FOLD_AFTER, more_line
from dbt_state_plugin.report.line import Style
from dbt_state_plugin.report.printable import printable, relation_shown
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.text import node_line
from dbt_state_plugin.report.width import truncated, wrapped
from dbt_state_plugin.report.words import count

_NOUNS = ("table", "view", "materialized view", "seed", "snapshot")
_WORDS = {Outcome.ADOPT: "adopt", Outcome.KNOWN: "known", Outcome.MISSING: "build", Outcome.REFUSE: "refuse"}


def adoption_lines(adoption: Adoption, *, width: int | None = None) -> list[str]:
    """Return a line for each relation; those that cannot be adopted come last and are never folded."""
    shown: list[Candidate | str] = []
    for outcome in (Outcome.KNOWN, Outcome.ADOPT, Outcome.MISSING, Outcome.REFUSE):
        found = adoption.of(outcome)
        is_folded = len(found) > FOLD_AFTER and outcome is not Outcome.REFUSE
        shown += found[:FOLD_AFTER] if is_folded else found
        shown += [more_line(len(found) - FOLD_AFTER, "`--output json` lists them")] if is_folded else []
    column = min(32, max((columns(_name(each)) for each in shown if not isinstance(each, str)), default=0))
    lines = (each if isinstance(each, str) else _line(each, column) for each in shown)
    return [truncated(line, width) for line in lines]


def _line(candidate: Candidate, column: int) -> str:
    style = Style.BUILD if candidate.outcome is Outcome.MISSING else None
    return node_line((_WORDS[candidate.outcome], style), _name(candidate), column, _what(candidate))


def _name(candidate: Candidate) -> str:
    return printable(short_name(candidate.node.unique_id))


def _what(candidate: Candidate) -> str:
    return printable(cause_words(candidate.why) or f"{_kind(candidate)} {relation_shown(candidate.relation)}")


def _kind(candidate: Candidate) -> str:
    return candidate.node.materialized.replace("_", " ")


def assumption_lines(adoption: Adoption, *, width: int | None = None) -> list[str]:
    """Return what is assumed when these relations are adopted."""
    found = adoption.of(Outcome.ADOPT)
    kinds = Counter(map(_kind, found))
    what = ", ".join(_counted(number, kind) for kind, number in sorted(kinds.items()))
    lines = []
    if found:
        lines.append(
            f"Adopt {count(len(found), 'relation')} ({what}) as they are: as if the project as it is had built "
            f"them for {adoption.environment}, from the rows that are there now."
        )
        unseen = len([each for each in found if not each.is_compared])
        lines.append(
            "Compared: which exist, of which kind, with which columns, and how many rows seeds have. Not compared: "
            "other rows, and the code that really built them." + (f" {unseen} without columns." if unseen else "")
        )
    if adoption.untouched:
        lines.append(f"Tests and functions stay unrecorded: `build` runs each of the {adoption.untouched} once.")
    return [part for line in lines for part in wrapped(printable(line), width)]


def _counted(number: int, kind: str) -> str:
    """Return how many there are; incremental and other custom materializations have no plural."""
    return count(number, kind) if kind in _NOUNS else f"{number} {kind}"


def adopted_summary(adoption: Adoption) -> str:
    """Return what was done in one line."""
    parts = [f"{count(len(adoption.of(Outcome.ADOPT)), 'relation')} adopted"]
    for outcome, words in (
        (Outcome.KNOWN, "known already"),
        (Outcome.MISSING, "missing"),
        (Outcome.REFUSE, "refused"),
    ):
        found = adoption.of(outcome)
        parts += [f"{len(found)} {words}"] if found else []
    due = len(adoption.of(Outcome.MISSING)) + len(adoption.of(Outcome.REFUSE))
    rest = f" The next run builds {count(due, 'node')} and what reads them." if due else ""
    execution = f" Execution {adoption.execution_id}." if adoption.execution_id else ""
    return f"{', '.join(parts)}.{rest}{execution}"


def adoption_document(adoption: Adoption) -> dict[str, Any]:
    """Return what is or was done with each relation; `execution_id` is null as long as nothing was written."""
    return {
        "version": VERSION,
        "environment": environment_document(adoption.environment),
        "execution_id": str(adoption.execution_id) if adoption.execution_id else None,
        "relations": [
            {
                "unique_id": each.node.unique_id,
                "relation": str(each.relation),
                "materialized": each.node.materialized,
                "outcome": each.outcome.value,
                "why": cause_words(each.why),
                "code": cause_code(each.why),
                "compared": each.is_compared,
            }
            for each in adoption.candidates
        ],
    }
