"""External files that SQL reads, by path, size and time."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from dbt_state_plugin.warehouse.answers import SourceMetadata, value_hash
from dbt_state_plugin.warehouse.duckdb.file_version import logs_of

SCHEMA = "external file"  # stands for the schema of what is a file
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|[A-Za-z][A-Za-z0-9+.-]+:[^/\\]")
_FILE_NAME = re.compile(
    r"(?:.*[/\\].*|.*\.(?:parquet|csv|tsv|json|jsonl|ndjson|txt|xlsx|avro)(?:\.\w+)?)", re.DOTALL | re.IGNORECASE
)
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_CALL = re.compile(r"\s*\w+\s*\(\s*'((?:[^']|'')*)'\s*[,)]")


def external_place(rendered: str) -> str | None:
    """Return the path of what dbt renders in the place of a source's name, None for the name of a relation.

    Where there is more than one path, or none that can be read, it is the whole text.
    """
    text = rendered.strip()
    if literal := _LITERAL.fullmatch(text):
        return literal[1].replace("''", "'")
    if "(" not in text or text.startswith('"'):
        return None
    call = _CALL.match(text)
    return call[1].replace("''", "'") if call else text


def is_file_name(name: str) -> bool:
    """Return whether SQL that names this as a table may mean a file."""
    return bool(_FILE_NAME.fullmatch(name))


def is_local(path: str) -> bool:
    """Return whether a path can be looked at here."""
    return not _REMOTE.match(path)


def is_looked_for_elsewhere(place: str, settings: Collection[str]) -> bool:
    """Return whether a setting of dbt's sessions says where DuckDB looks for a path; `settings` are their names."""
    names = {str(name).strip().lower() for name in settings}
    if place.startswith("~"):
        return "home_directory" in names
    return "file_search_path" in names and not os.path.isabs(place)  # noqa: PTH117 - paths as they are given


def file_metadata(place: str, settings: Collection[str] = ()) -> SourceMetadata:
    """Return what the file system says about a path or pattern; rows are not read.

    `settings` are the names of those that the profile gives to dbt's sessions.
    """
    if is_looked_for_elsewhere(place, settings):
        return SourceMetadata(columns={}, touched="?place")
    if not is_local(place):
        return SourceMetadata(columns={}, touched="?remote")
    found = sorted(_matching(os.path.expanduser(place)))  # noqa: PTH111 - as DuckDB does
    states = [state for path in found for each in _with_files_below(path) for state in _states_with_log(each)]
    if not states:
        return SourceMetadata(columns={}, touched="?place" if "(" in place else "?absent")
    return SourceMetadata(columns={}, touched=value_hash(states))


def _with_files_below(path: str) -> Iterator[str]:
    """Yield a path and, of a folder, which DuckDB reads as a whole, all files in it."""
    yield path
    for folder, folders, files in os.walk(path):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(files))  # noqa: PTH118 - paths as they are given


def _states_with_log(path: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield the states of a file and, if it is one of DuckDB's, of the log that holds what was committed last."""
    yield from _states(path)
    for log in logs_of(path):
        yield from _states(log)


def _states(path: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield path, size and times of what is there; nothing of a link that leads nowhere, or a file that is gone.

    A file that is moved or copied to a place may keep the time of its modification; that of the last change it cannot.
    """
    with suppress(OSError):
        state = Path(path).stat()
        yield path, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _matching(pattern: str) -> list[str]:
    """Return the files that a pattern takes, hidden ones too, which DuckDB reads."""
    if sys.version_info >= (3, 11):
        return glob.glob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207 - paths as they are given
    if not glob.has_magic(pattern):
        return glob.glob(pattern)  # noqa: PTH207 - see above
    import duckdb

    with duckdb.connect(":memory:") as connection:
        return [str(row[0]) for row in connection.execute("SELECT file FROM glob(?)", [pattern]).fetchall()]
