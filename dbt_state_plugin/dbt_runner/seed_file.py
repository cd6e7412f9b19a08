"""Checksums of seed files of any size."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

from dbt_state_plugin.errors import ProjectError


def seed_digest(path: Path) -> str:
    """Return the sha256 of the file in hex, read as a stream; raises ProjectError when it cannot be read.

    dbt itself stops looking at a seed's content above 1 MiB.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
            return digest.hexdigest()
    except OSError as error:
        raise ProjectError(
            f"The seed {path} cannot be read: {error.strerror or error}.", "Check the file and its permissions."
        ) from error


def seed_rows_digest(path: Path, delimiter: str) -> str:
    """Return a hash of the rows that dbt reads from the file, or nothing if it cannot be read as such.

    dbt opens the file as UTF-8 with any line ends, skips a byte order mark and reads it with Python's csv module:
    quotes that need not be there, line ends, and whether the last line has one, are not in the rows. Read as a stream.
    """
    digest = hashlib.sha256()
    try:
        with path.open(encoding="utf-8") as file:
            if file.read(1) != "\ufeff":
                file.seek(0)
            for row in csv.reader(file, delimiter=delimiter):
                digest.update(json.dumps(row).encode() + b"\n")
    except (OSError, ValueError, TypeError, csv.Error):
        return ""
    return digest.hexdigest()


def seed_size(path: Path, delimiter: str) -> tuple[int, int] | None:
    """Return how many columns and rows a seed's file has, or None if it cannot be read; empty lines are no rows."""
    try:
        with path.open(encoding="utf-8") as file:
            if file.read(1) != "\ufeff":
                file.seek(0)
            rows = (row for row in csv.reader(file, delimiter=delimiter) if row)
            columns = len(next(rows, []))
            return columns, sum(1 for _ in rows)
    except (OSError, ValueError, TypeError, csv.Error):
        return None
