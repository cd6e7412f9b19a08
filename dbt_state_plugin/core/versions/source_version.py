"""Data versions of sources, and whether two of them differ.

A version is a text of fields with slashes between them, stored in the trace of each relation that reads the source:

    data / object_id / storage_id / columns / touched [/ answer [/ checked]]

`data` is what is recorded about the relation where another project writes it. `object_id` and `storage_id` are its
identity. `columns` is a hash of its columns, `touched` one of the server's counters, or `?` and a word for what the
server does not count, or DEFINITION and a hash for a function. `answer` says what the rows themselves gave:
`content:...`, OF_ALL_COLUMNS and more where the server counts nothing and no column is left out, `query:...`,
`content:?rights`, `modified:...` (see last_modified.py), or `always` or `never`. `checked` is the newest state of the
counters in which the content was found to be equal; `touched` stays that of the build.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dbt_state_plugin.core.values.invocations import UNKNOWN
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.relations import Identity
from dbt_state_plugin.core.versions.counters import are_same_counters
from dbt_state_plugin.core.versions.last_modified import is_last_modified, is_settled, time_of, why_unknown

DEFINITION = "definition-"
OF_ALL_COLUMNS = "content:all-"
_NO_IDENTITY = "-"  # each of the two texts of what is not there
_FIELDS = ("data", "object_id", "storage_id", "columns", "touched", "answer", "checked")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVersion:
    """The fields of a version."""

    data: str
    columns: str
    touched: str
    object_id: str = _NO_IDENTITY
    storage_id: str = _NO_IDENTITY
    answer: str = ""
    checked: str = ""

    def __str__(self) -> str:
        fields = [getattr(self, name) for name in _FIELDS]
        while not fields[-1]:
            fields.pop()
        return "/".join(fields)

    @property
    def state(self) -> str:
        """Return everything that the catalog says about the rows, as one text without a slash."""
        return ":".join((self.data, self.object_id, self.storage_id, self.touched))

    @property
    def is_blind(self) -> bool:
        """Return whether the server does not count what is written."""
        return self.touched.startswith("?")

    @property
    def is_of_all_columns(self) -> bool:
        """Return whether the content is that of the loader's columns, too, if there are any."""
        return self.answer.startswith(OF_ALL_COLUMNS)

    @property
    def is_absent(self) -> bool:
        """Return whether there is no such relation."""
        return self.touched == "?absent"

    def is_untouched_since(self, seen: SourceVersion) -> bool:
        """Return whether nothing was written since `seen`."""
        return not self.is_blind and are_same_counters(seen.state, self.state)

    def is_known_since(self, seen: SourceVersion) -> bool:
        """Return whether nothing was written since the content of `seen` was looked at."""
        return not self.is_blind and any(are_same_counters(known, self.state) for known in (seen.state, seen.checked))


def parse_version(text: str) -> SourceVersion | None:
    """Return the fields of a version, or None for a text that is none (a relation that was not there)."""
    fields = text.split("/")
    if len(fields) < 5:
        return None
    return SourceVersion(**dict(zip(_FIELDS, fields, strict=False)))


def names_identity(version: str, identity: Identity) -> bool:
    """Return whether a version, of a source or of what the project writes, is of this very relation."""
    return version.split("/")[1:3] == [identity.object_id, identity.storage_id]


def data_change(seen: str | None, now: str, *, by_rows: bool, by_touch: bool) -> Reason | None:
    """Return the reason to build again for a source that differs from what a build saw, None if it does not.

    A view holds no rows: for it (`by_rows` is false) only another table or other columns count. With `by_touch` the
    content is no proof, since the reader uses columns that are not compared, unless all are.
    """
    current = parse_version(now)
    before = parse_version(seen) if seen is not None else None
    if seen is None or seen == UNKNOWN:
        return _data(ReasonCode.NEW_SOURCE if seen is None else ReasonCode.NOT_SEEN)
    if current is None:  # nobody looked at the rows
        return None if are_same_counters(seen, now) else _data(ReasonCode.RECREATED_OR_EMPTIED)
    if before is None:
        return _data(ReasonCode.RECREATED_OR_EMPTIED)
    if before.columns != current.columns:
        return _data(ReasonCode.SOURCE_MISSING if current.is_absent else ReasonCode.COLUMNS_CHANGED)
    if not by_rows:
        return None if before.object_id == current.object_id else _data(ReasonCode.RECREATED)
    return _change_of_rows(before, current, by_touch=by_touch)


def _data(code: ReasonCode, **values: Any) -> Reason:
    return Reason(kind=ReasonKind.DATA, code=code, values=values)


def _change_of_rows(before: SourceVersion, now: SourceVersion, *, by_touch: bool) -> Reason | None:
    if now.answer == "always":
        return _data(ReasonCode.ALWAYS_NEW)
    if now.is_blind and not now.answer:
        return _data(ReasonCode.NOT_COUNTED, why=now.touched[1:])
    if now.answer == "never":
        return None
    if now.answer.startswith("query:"):
        return None if now.answer == before.answer else _data(ReasonCode.ANSWER_CHANGED)
    if is_last_modified(now.answer):
        return _change_of_time(before.answer, now.answer)
    if not now.answer or (by_touch and not now.is_of_all_columns):
        return None if now.is_untouched_since(before) else _what_was_touched(before, now)
    if now.is_known_since(before):
        return None
    if "?" in now.answer:
        return _data(ReasonCode.UNREADABLE, why=now.answer.partition("?")[2])
    return None if now.answer == before.answer else _data(ReasonCode.ROWS_CHANGED)


def _change_of_time(before: str, now: str) -> Reason | None:
    """Return the reason for a table that was altered; an older time counts too, since a table may be restored."""
    if why := why_unknown(now):
        return _data(ReasonCode.NOT_COUNTED, why=why)
    if time_of(before) != time_of(now):
        return _data(ReasonCode.ALTERED, at=time_of(now))
    return None if is_settled(before) else _data(ReasonCode.NOT_SETTLED, at=time_of(now))


def _what_was_touched(before: SourceVersion, now: SourceVersion) -> Reason:
    if now.touched.startswith(DEFINITION):
        return _data(ReasonCode.FUNCTION_CHANGED)
    if now.is_blind:
        return _data(ReasonCode.NOT_COUNTED, why=now.touched[1:])
    if before.object_id != now.object_id:
        return _data(ReasonCode.RECREATED)
    return _data(ReasonCode.ROWS_CHANGED if before.storage_id == now.storage_id else ReasonCode.REWRITTEN_SOURCE)


def with_checked(seen: str, now: str) -> str | None:
    """Return the version to be kept by a reader that stays as it is, or None if it may stay too.

    The content was found to be equal: only that is remembered. What the build saw of the counters stays what it was.
    """
    before, current = parse_version(seen), parse_version(now)
    if before is None or current is None or current.is_blind:
        return None
    if not current.answer.startswith("content:") or "?" in current.answer:
        return None
    if current.is_known_since(before) and before.answer == current.answer:
        return None
    return str(replace(before, answer=current.answer, checked=current.state))


def known_answer(seen: str, now: SourceVersion, prefix: str) -> str:
    """Return the content that was recorded for the very state in which the table still is, or nothing.

    `prefix` names what was compared and how.
    """
    before = parse_version(seen)
    if before is None or not before.answer.startswith(prefix) or "?" in before.answer:
        return ""
    return before.answer if now.is_known_since(before) else ""
