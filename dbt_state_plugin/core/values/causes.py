"""Causes of what is done with relations outside of runs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class CauseCode(str, Enum):
    """What stands behind it; the `values` of each are listed behind it. Part of the JSON output, in kebab case.

    report/cause_words.py makes their words.
    """

    TOLD = "told"  # message: what dbt, the server or the state said
    DOES_NOT_EXIST = "does-not-exist"
    OTHER_KIND = "other-kind"  # is_now, materialized
    # adopt
    INTERRUPTED = "interrupted"
    RECORDED_ELSEWHERE = "recorded-elsewhere"  # environment
    RECORDED_ALREADY = "recorded-already"
    COLUMNS_DIFFER = "columns-differ"  # lacking, added, retyped
    COLUMNS_REORDERED = "columns-reordered"
    SQL_REFUSED = "sql-refused"  # message
    SEED_UNREADABLE = "seed-unreadable"
    COLUMN_COUNT_DIFFERS = "column-count-differs"  # found, expected
    ROW_COUNT_DIFFERS = "row-count-differs"  # found, expected
    CHANGED_SINCE_SHOWN = "changed-since-shown"
    # record
    NOT_RUN = "not-run"
    BUILT_LATER = "built-later"  # execution
    STILL_AS_LEFT = "still-as-left"  # execution
    CLOCKS_DISAGREE = "clocks-disagree"  # execution
    WRITTEN_SINCE = "written-since"  # execution
    ONLY_REFRESHED = "only-refreshed"
    BUILT_WITH_OTHER_VALUES = "built-with-other-values"
    VALUES_UNSEEN = "values-unseen"
    STARTED_WITH_OTHER_VALUES = "started-with-other-values"
    HOOKS_UNRENDERED = "hooks-unrendered"
    SEED_FILE_CHANGED = "seed-file-changed"
    SEED_TOO_LARGE = "seed-too-large"
    SESSION_CHANGED = "session-changed"
    SESSION_NAMES = "session-names"
    NOT_TOLD = "not-told"
    # orphans
    NO_LONGER_EXISTS = "no-longer-exists"
    REPLACED = "replaced"  # is_now, owner
    BEING_WRITTEN = "being-written"  # execution, environment
    MAY_BE_WRITTEN = "may-be-written"  # execution, environment
    HOLDS_HISTORY = "holds-history"
    PARTITION_RECORDED = "partition-recorded"  # partition
    NOT_OWNED = "not-owned"  # role, owner
    NOT_DROPPED_HERE = "not-dropped-here"
    DEPENDED_ON = "depended-on"  # dependents
    NEW_SINCE_SHOWN = "new-since-shown"
    NO_ORPHAN_ANY_MORE = "no-orphan-any-more"
    RECORDED_JUST_NOW = "recorded-just-now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause with its evidence; `values` are of JSON's kinds."""

    code: CauseCode
    values: Mapping[str, Any] = field(default_factory=dict)


def told(message: str) -> Cause:
    """Return the cause that somebody else has put into words."""
    return Cause(code=CauseCode.TOLD, values={"message": message})
