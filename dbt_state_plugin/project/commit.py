"""The checked-out git commit, read without git, and what is not committed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# The variables that say where a repository is; see "The Git Repository" in git(1). Others do not move HEAD.
_LEADS_ELSEWHERE = frozenset(
    "GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_CEILING_DIRECTORIES GIT_DISCOVERY_ACROSS_FILESYSTEM".split()
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def checked_out_commit(directory: Path, environ: Mapping[str, str]) -> str:
    """Return the commit, or nothing if there is no git."""
    git = _git_folder(directory, environ)
    found = _commit_of(git) if git else git
    return _asked(directory) if found is None else found


def _git_folder(directory: Path, environ: Mapping[str, str]) -> str | None:
    """Return the nearest folder `.git`, nothing if there is none, and None if only git itself can tell."""
    if not _LEADS_ELSEWHERE.isdisjoint(environ):
        return None
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
    """Return the commit that HEAD names as a file does; None if only git itself can tell."""
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


def uncommitted_changes(directory: Path, left_out: Iterable[Path] = ()) -> str | None:
    """Return a digest of what differs from the commit in a folder: 64 hex digits, or nothing if all is committed.

    Untracked files count, ignored ones and those in `left_out` do not. None if git cannot tell, which is not started
    where no folder above has a repository.
    """
    if _git_folder(directory, os.environ) == "":
        return None
    relative = [os.path.relpath(path, directory) for path in left_out]
    outside = [f":(exclude,literal){path}" for path in relative if not path.startswith(os.pardir)]
    options = ("--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")
    status = _git(directory, "status", *options, "--", ".", *outside)
    root = _git(directory, "rev-parse", "--show-toplevel") if status else ""
    if status is None or root is None:
        return None
    return _digest_of(Path(root.removesuffix("\n")), [entry[3:] for entry in status.split("\0") if entry])


def _digest_of(root: Path, names: list[str]) -> str:
    """Return a digest of the names and contents of changed files; what is deleted has no content."""
    import hashlib

    digest = hashlib.sha256()
    for name in sorted(names):
        file = root / name
        content = b""
        if file.is_symlink():
            content = os.fsencode(file.readlink())
        elif file.is_file():
            content = file.read_bytes()
        digest.update(f"{os.fsencode(name).hex()} {hashlib.sha256(content).hexdigest()} {file.exists()}\n".encode())
    return digest.hexdigest() if names else ""


def _asked(directory: Path) -> str:
    return (_git(directory, "rev-parse", "HEAD") or "").strip()


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what git answers; None if there is no git, no repository, or no answer in time."""
    import subprocess

    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments],
            cwd=directory,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
