"""Answers that say when a source was last altered.

`modified:` and the time in UTC, which is UNSETTLED where more may have been written at that very time after the look;
or `modified:?` and a word for why the time is not known.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# Another write at the same time may follow the look as long as the clock of the tables has not moved on: it may count
# in seconds, and run behind the one that the look is timed by.
MARGIN = timedelta(minutes=5)
_TIME = "modified:"
_UNKNOWN = "modified:?"
_UNSETTLED = "+unsettled"


def last_modified_answer(altered: datetime, looked_at: datetime) -> str:
    """Return the answer for a table that was last altered at a time, as a look at another time has found.

    Both times are the warehouse's; without an offset they are in UTC.
    """
    altered, looked_at = _utc(altered), _utc(looked_at)
    is_settled = altered < looked_at - MARGIN
    return f"{_TIME}{altered.isoformat()}{'' if is_settled else _UNSETTLED}"


def unknown_last_modified(why: str) -> str:
    """Return the answer for a table whose time is not known, by a word of report/reason_words.py."""
    return f"{_UNKNOWN}{why}"


def is_last_modified(answer: str) -> bool:
    """Return whether an answer is one of these."""
    return answer.startswith(_TIME)


def why_unknown(answer: str) -> str:
    """Return the word for why the time is not known, nothing if it is."""
    return answer.removeprefix(_UNKNOWN) if answer.startswith(_UNKNOWN) else ""


def time_of(answer: str) -> str:
    """Return the time as text, nothing where an answer has none."""
    if not is_last_modified(answer) or why_unknown(answer):
        return ""
    return answer.removeprefix(_TIME).removesuffix(_UNSETTLED)


def is_settled(answer: str) -> bool:
    """Return whether nothing else can have been written at that time since the look."""
    return not answer.endswith(_UNSETTLED)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
