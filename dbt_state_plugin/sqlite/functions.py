"""Functions of PostgreSQL that statements of the state call, for SQLite."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from sqlite3 import Connection

_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def timestamp_text(time: datetime) -> str:
    """Return a time as it is stored: in UTC, of one length, so that texts are ordered as times are."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")


def define_functions(connection: Connection) -> None:
    """Let the statements of a connection call these functions."""
    named: dict[str, tuple[int, Callable[..., Any]]] = {
        "clock_timestamp": (0, lambda: timestamp_text(datetime.now(timezone.utc))),
        "began_today": (2, _began_today),
        "gen_random_uuid": (0, lambda: str(uuid4())),
        "pg_backend_pid": (0, os.getpid),
        "greatest": (2, max),
    }
    for name, (arguments, function) in named.items():
        connection.create_function(name, arguments, function)
    pure: dict[str, tuple[int, Callable[..., Any]]] = {
        "as_timestamp": (1, lambda text: timestamp_text(datetime.fromisoformat(text))),
        "shifted": (4, _shifted),
        "starts_with": (2, str.startswith),
        "jsonb_concat": (2, lambda one, other: _written(_read(one) | _read(other))),
        "jsonb_delete": (2, lambda of, name: _written({key: it for key, it in _read(of).items() if key != name})),
        "jsonb_exists": (2, lambda of, name: name in _read(of)),
        "jsonb_object_field": (2, _field),
        "jsonb_set": (3, lambda of, path, it: _written(_read(of) | {path.strip("{}"): _read(it)})),
        "jsonb_typeof": (1, lambda of: _TYPES.get(type(_read(of)), "null")),
    }
    for name, (arguments, function) in pure.items():
        connection.create_function(name, arguments, _strict(function), deterministic=True)
    connection.create_aggregate("evidence", -1, _Evidence)  # type: ignore[arg-type] # of any number


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that gives NULL when one of its arguments is NULL."""
    return lambda *arguments: None if None in arguments else function(*arguments)


def _read(text: Any) -> Any:
    return json.loads(text)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _field(of: str, name: str) -> str | None:
    document = _read(of)
    return _written(document[name]) if isinstance(document, dict) and name in document else None


def _shifted(time: str, sign: str, number: float, unit: str) -> str:
    """Return a time so many days, hours or the like earlier or later, at most as far as dates go."""
    try:
        distance = timedelta(**{unit: number})
        found = datetime.fromisoformat(time)
        return timestamp_text(found - distance if sign == "-" else found + distance)
    except OverflowError:
        limit = datetime.min if sign == "-" else datetime.max
        return timestamp_text(limit.replace(tzinfo=timezone.utc))


def _began_today(ended_at: str, duration_ms: int | None) -> bool:
    began_at = datetime.fromisoformat(ended_at) - timedelta(milliseconds=duration_ms or 0)
    return began_at.date() == datetime.now(timezone.utc).date()


class _Evidence:
    """Number of rows, and a sum of their hashes, which does not depend on their order."""

    def __init__(self) -> None:
        self._rows = self._sum = 0

    def step(self, *values: Any) -> None:
        digest = hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).digest()
        self._rows += 1
        self._sum += int.from_bytes(digest[:16], "big")

    def finalize(self) -> str:
        return f"{self._rows} {self._sum % 2**128}"
