"""What is the checksum of a seed's file, however large it is?"""

from __future__ import annotations

import hashlib
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
            f"The seed {path} cannot be read: {error.strerror or error}.", "Check the file and its rights."
        ) from error
