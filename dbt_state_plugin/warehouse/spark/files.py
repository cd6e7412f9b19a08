"""Lists of files that hold a table, by path, size and time.

Spark never writes into a file that is there: what it inserts, overwrites or deletes gives other files, whose names hold
a UUID. So a table has the same rows as long as it has the same files. Of a Delta table its log decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

State = tuple[str, int, int]  # a path, its size in bytes, its time of modification
_DELTA_LOG = "_delta_log"


def files_of(location: str, provider: str, spark: Any) -> list[State] | None:
    """Return the state of each file below a location, None if there is no such place.

    `location` is a URI as the metastore has it; of the provider `delta` only the log is listed, which every commit adds
    a file to. Raises OSError, and what Spark raises for a file system that cannot be asked.
    """
    if provider == "delta":
        location = f"{location.rstrip('/')}/{_DELTA_LOG}"
    local = local_path(location)
    return _remote_files(location, spark) if local is None else local_files(local)


def files_of_path(path: str, provider: str, spark: Any) -> list[State] | None:
    """Return the state of each file of a path or pattern that SQL names, None if there is none."""
    jvm = spark._jvm
    given = jvm.org.apache.hadoop.fs.Path(path)
    system = given.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    found: list[State] = []
    for each in system.globStatus(system.makeQualified(given)) or ():
        place = each.getPath().toUri().toString()
        found += [(f"{place} {name}", size, time) for name, size, time in files_of(place, provider, spark) or []]
    return found or None


def local_path(location: str) -> str | None:
    """Return the path of a location on this machine's own file system, None for that of any other."""
    parts = urlsplit(location)
    if parts.scheme != "file" or parts.netloc:
        return None
    return unquote(parts.path)


def local_files(folder: str) -> list[State] | None:
    """Return the state of each file below a folder, with times in nanoseconds; raises OSError."""
    path = Path(folder)
    if path.is_file():
        found = path.stat()
        return [("", found.st_size, found.st_mtime_ns)]
    return sorted(_walked(path, "", frozenset())) if path.is_dir() else None


def _walked(folder: Path, place: str, above: frozenset[tuple[int, int]]) -> Iterator[State]:
    own = folder.stat()
    if (own.st_dev, own.st_ino) in above:  # a link to a folder that it is in
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            inside = f"{place}{entry.name}"
            if entry.is_dir():
                yield from _walked(Path(entry.path), f"{inside}/", above | {(own.st_dev, own.st_ino)})
            else:
                found = entry.stat()
                yield inside, found.st_size, found.st_mtime_ns


def _remote_files(location: str, spark: Any) -> list[State] | None:
    """Return the state of each file as Hadoop's FileSystem tells it, with times in milliseconds."""
    jvm = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(jvm.java.net.URI(location))
    system = path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    if not system.exists(path):
        return None
    found: list[State] = []
    listed = system.listFiles(path, True)
    while listed.hasNext():
        each = listed.next()
        found.append((each.getPath().toString(), each.getLen(), each.getModificationTime()))
    return sorted(found)
