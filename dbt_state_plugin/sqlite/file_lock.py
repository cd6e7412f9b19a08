"""Operating system lock on a file, released when its process ends."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_TRIES, _PAUSE_SECONDS = 5, 0.01  # who only looks whether a lock is held holds it for a moment, too
_LOCKED_BYTE = 1 << 30  # Windows lets nobody read what is locked: far behind the text


@dataclass(slots=True)
class FileLock:
    """A lock that is held while its file is open."""

    path: Path
    descriptor: int = field(repr=False)

    def release(self) -> None:
        """Release the lock."""
        with suppress(OSError):
            os.close(self.descriptor)


def take_lock(path: Path, holder: str) -> FileLock | None:
    """Take the lock and record its holder in it; return None if it is held; raises OSError."""
    for _ in range(_TRIES):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(descriptor, exclusively=True) and _is_still_there(descriptor, path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, holder.encode("utf-8", "surrogatepass"))
            return FileLock(path, descriptor)
        os.close(descriptor)
        time.sleep(_PAUSE_SECONDS)
    return None


def lock_holder(path: Path) -> str | None:
    """Return what the holder of a lock recorded about itself, None if it is free; raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if _lock(descriptor, exclusively=False):
            return None
        return os.pread(descriptor, 1000, 0).decode("utf-8", "replace") if hasattr(os, "pread") else ""
    finally:
        os.close(descriptor)


def _is_still_there(descriptor: int, path: Path) -> bool:
    """Return whether the file was not replaced or removed while it was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int, *, exclusively: bool) -> bool:
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusively else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_on_windows(descriptor: int) -> bool:
    import msvcrt

    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    os.lseek(descriptor, 0, os.SEEK_SET)
    return True
