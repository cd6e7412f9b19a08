"""The checked-out git commit, read without git."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

# The variables that say where a repository is; see "The Git Repository" in git(1). Others do not move HEAD.
_LEADS_ELSEWHERE = frozenset(
    "GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_CEILING_DIRECTORIES GIT_DISCOVERY_ACROSS_FILESYSTEM".split()
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def checked_out_commit(directory: Path, environ: Mapping[str, str]) -> str:
    """Return the commit, or nothing where there is no git."""
    git = _git_folder(directory) if _LEADS_ELSEWHERE.isdisjoint(environ) else None
    found = _commit_of(git) if git else git
    return _asked(directory) if found is None else found


def _git_folder(directory: Path) -> str | None:
    """Return the nearest folder `.git`, nothing where there is none, and None where only git itself can tell."""
    folder = os.path.realpath(directory)
    while True:
        path = f"{folder}/.git"
        if os.path.exists(path):  # noqa: PTH110 - Path costs more than the look
            return path if os.path.isdir(path) else None  # noqa: PTH112 - a file names the folder of a worktree
        parent = os.path.dirname(folder)  # noqa: PTH120
        if parent == folder:
            return ""
        folder = parent


def _commit_of(git: str) -> str | None:
    """Return the commit that HEAD names as a file does; None where only git itself can tell."""
    try:
        head = _text(f"{git}/HEAD")
        if not head.startswith("ref: refs/heads/"):
            return head if _COMMIT.fullmatch(head) else None
        commit = _text(f"{git}/{head.removeprefix('ref: ')}")
    except OSError:  # packed references, or none yet
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        return file.read(1000).strip()


def _asked(directory: Path) -> str:
    import subprocess

    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=directory, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
