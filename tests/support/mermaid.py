"""Mermaid itself, from its npm package, for tests of pictures."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

PACKAGE = "@mermaid-js/tiny@12.0.0"  # Mermaid 12 without its largest kinds of pictures, 0.8 MB
CHECKSUM = "9f2807e402479d2864bfd9a95052076fc69d0ff45a0b25148b84b70fc33425b9"
_KEPT = Path(tempfile.gettempdir()) / "dbt-state-plugin-mermaid-12.0.0.js"


@cache
def mermaid_script() -> Path | None:
    """Return the file of the script, fetched once for this machine; None where npm or its registry is not there."""
    if not _is_right(_KEPT):
        _fetch()
    return _KEPT if _is_right(_KEPT) else None


def is_fetched() -> bool:
    """Return whether the script is there already, without asking anybody for it."""
    return _is_right(_KEPT)


def _is_right(file: Path) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == CHECKSUM


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError):
            return
        (packed,) = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            script = archive.extractfile("package/dist/mermaid.tiny.js")
            fetched = Path(folder) / "mermaid.js"
            fetched.write_bytes(script.read() if script else b"")
        copied = _KEPT.with_suffix(f".{os.getpid()}")  # several processes may fetch it at once
        shutil.copy(fetched, copied)
        copied.replace(_KEPT)
