"""Words for why relations are not adopted, recorded or dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dbt_state_plugin.core.values.causes import Cause, CauseCode
from dbt_state_plugin.core.values.reads import OWN_NAMES
from dbt_state_plugin.core.values.relations import RelationKind
from dbt_state_plugin.report.folding import listed

Values = Mapping[str, Any]

_SHOWN = 3
_MADE = {"incremental": "table", "materialized_view": "materialized view"}


def cause_words(cause: Cause | None) -> str:
    """Return a cause as a phrase; nothing for none."""
    return _WORDS[cause.code](cause.values) if cause is not None else ""


def cause_code(cause: Cause | None) -> str | None:
    """Return the code of a cause for JSON; None for none."""
    return cause.code.value if cause is not None else None


def _other_kind(values: Values) -> str:
    is_now, materialized = values["is_now"], values["materialized"]
    found = "relation of another kind" if is_now == RelationKind.OTHER.value else is_now
    return f"it is a {found}, and the project makes it a {_MADE.get(materialized, materialized)}"


def _columns(values: Values) -> str:
    parts = [
        f"{words} {', '.join(values[key][:_SHOWN])}{' and more' if len(values[key]) > _SHOWN else ''}"
        for key, words in (("lacking", "lacks"), ("added", "also has"), ("retyped", "has a different type for"))
        if values[key]
    ]
    return f"it {', '.join(parts)}"


def _replaced(values: Values) -> str:
    is_other = values["is_now"] == RelationKind.OTHER.value
    what = "something that is neither table nor view" if is_other else f"a {values['is_now']}"
    whose = f" of role {values['owner']}" if values["owner"] else ""
    return f"not the one that was recorded but {what}{whose} (`forget` takes it off this list)"


def _execution(values: Values) -> str:
    return f"execution {str(values['execution'])[:8]}"


def _writer(values: Values) -> str:
    return f"{_execution(values)} of {values['environment']}"


_WORDS: Mapping[CauseCode, Callable[[Values], str]] = {
    CauseCode.TOLD: lambda values: str(values["message"]),
    CauseCode.DOES_NOT_EXIST: lambda _: "it does not exist",
    CauseCode.OTHER_KIND: _other_kind,
    CauseCode.INTERRUPTED: lambda _: "its last build was interrupted, so it may hold anything",
    CauseCode.RECORDED_ELSEWHERE: lambda values: f"it is recorded for {values['environment']} (--again takes it over)",
    CauseCode.RECORDED_ALREADY: lambda _: "it is recorded already (--again records it once more)",
    CauseCode.COLUMNS_DIFFER: _columns,
    CauseCode.COLUMNS_REORDERED: lambda _: "its columns are in another order",
    CauseCode.SQL_REFUSED: lambda values: f"its SQL does not work here: {values['message']}",
    CauseCode.SEED_UNREADABLE: lambda _: "its file cannot be read as dbt reads it",
    CauseCode.COLUMN_COUNT_DIFFERS: lambda values: (
        f"it has {values['found']} columns, and its file {values['expected']}"
    ),
    CauseCode.ROW_COUNT_DIFFERS: lambda values: f"it has {values['found']} rows, and its file {values['expected']}",
    CauseCode.CHANGED_SINCE_SHOWN: lambda _: "it changed since this list was made",
    CauseCode.NOT_RUN: lambda _: "dbt did not run it",
    CauseCode.BUILT_LATER: lambda values: f"{_execution(values)} recorded a later build",
    CauseCode.STILL_AS_LEFT: lambda values: f"it is still what {_execution(values)} left",
    CauseCode.CLOCKS_DISAGREE: lambda values: f"the clocks do not say whether {_execution(values)} built it later",
    CauseCode.WRITTEN_SINCE: lambda values: f"{_execution(values)} has begun to write it since",
    CauseCode.ONLY_REFRESHED: lambda _: "dbt only refreshed it, so it may have another query",
    CauseCode.BUILT_WITH_OTHER_VALUES: lambda _: (
        "it was built with other values of vars, env vars or the target than today's"
    ),
    CauseCode.VALUES_UNSEEN: lambda _: (
        "its hooks or materialization read vars, env vars or the target, and dbt does not say which values"
    ),
    CauseCode.STARTED_WITH_OTHER_VALUES: lambda _: (
        "an on-run-start hook reads values, and dbt may have run it with others than today's"
    ),
    CauseCode.HOOKS_UNRENDERED: lambda _: "its hooks cannot be rendered without running them",
    CauseCode.SEED_FILE_CHANGED: lambda _: "its file is not the one that dbt loaded",
    CauseCode.SEED_TOO_LARGE: lambda _: "its file is larger than 1 MB, so dbt does not say what it loaded",
    CauseCode.SESSION_CHANGED: lambda _: "a setting of the database's sessions changed since the plan was handed out",
    CauseCode.SESSION_NAMES: lambda _: f"its SQL names {OWN_NAMES}",
    CauseCode.NOT_TOLD: lambda _: "dbt's files do not tell",
    CauseCode.NO_LONGER_EXISTS: lambda _: "no longer exists",
    CauseCode.REPLACED: _replaced,
    CauseCode.BEING_WRITTEN: lambda values: f"{_writer(values)} is writing it",
    CauseCode.MAY_BE_WRITTEN: lambda values: f"{_writer(values)} may have written it",
    CauseCode.HOLDS_HISTORY: lambda _: "its rows cannot be rebuilt (--include-history drops it too)",
    CauseCode.PARTITION_RECORDED: lambda values: f"its partition {values['partition']} is recorded by itself",
    CauseCode.NOT_OWNED: lambda values: (
        f"role {values['role']} may not drop it, because it belongs to role {values['owner']}"
    ),
    CauseCode.NOT_DROPPED_HERE: lambda _: "nothing is dropped in this kind of warehouse: drop it by hand",
    CauseCode.DEPENDED_ON: lambda values: f"others depend on it: {listed(values['dependents'])}",
    CauseCode.NEW_SINCE_SHOWN: lambda _: "this is new since the list was shown; run the command again",
    CauseCode.NO_ORPHAN_ANY_MORE: lambda _: "it is no longer an orphan",
    CauseCode.RECORDED_JUST_NOW: lambda _: "it was recorded by another run just now",
}
