"""Version of a DuckDB file from its headers and log.

A file has two headers that DuckDB writes in turn, each with a number that every checkpoint raises. What was committed
since the last one is in the log beside the file, which grows with each commit. The headers do not say what the blocks
hold: an older copy that was put back and then got as many other commits has equal ones. So nobody wrote where the
headers are the same, byte for byte, and file and log are the same files of the same length and times.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

_HEADERS = ((4096, 4096), (8192, 4096))  # offset and length in bytes
_LOG = ".wal"
_MARK, _MARK_AT = b"DUCK", 8

# A process loses its lock on a file when it closes any descriptor of it, also one that DuckDB knows nothing of: the
# next one who opens the file would get it. So a descriptor stays open as long as the process lives.
_descriptors: dict[tuple[str, int, int], int] = {}
_mutex = threading.Lock()


def file_version(path: str) -> str:
    """Return a text that differs whenever anything was committed to the file; one that is not there has a text too."""
    try:
        headers = _headers(path)
    except FileNotFoundError:
        return "absent"
    states = (_state_of(path), *map(_state_of, logs_of(path)))
    digest = hashlib.sha256(headers + repr(states).encode())
    return digest.hexdigest()[:32]


def logs_of(path: str) -> tuple[str, ...]:
    """Return where the log of a file may lie: beside the file, or beside a link to it before DuckDB 2."""
    beside = path + _LOG
    return (beside, os.path.realpath(path) + _LOG) if os.path.islink(path) else (beside,)  # noqa: PTH114 - paths as they are given


def is_of_another_kind(path: str) -> bool:
    """Return whether there is a file that is none of DuckDB's, such as SQLite's, which DuckDB attaches unasked."""
    with _mutex, suppress(OSError):
        descriptor = _descriptor(path)
        os.lseek(descriptor, _MARK_AT, os.SEEK_SET)
        return os.read(descriptor, len(_MARK)) != _MARK
    return False


def _headers(path: str) -> bytes:
    with _mutex:
        descriptor = _descriptor(path)
        parts = []
        for offset, length in _HEADERS:
            os.lseek(descriptor, offset, os.SEEK_SET)
            parts.append(os.read(descriptor, length))
    return b"".join(parts)


def _descriptor(path: str) -> int:
    found = Path(path).stat()
    key = (path, found.st_dev, found.st_ino)
    if key not in _descriptors:
        _descriptors[key] = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    return _descriptors[key]


def _state_of(path: str) -> tuple[int, ...] | None:
    """Return number, size in bytes and times in nanoseconds of a file, None if there is none.

    The time of modification is put back along with an older copy; that of the last change cannot be.
    """
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
