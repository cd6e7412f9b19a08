"""Mutation of a project, its environment or its warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

GROUPS = (
    "code config macro variable environment source seed snapshot package graph data undeclared traced no-op".split()
)  # the order of the table
PROJECTS = ("project", "reads_project")

Edit = Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """Say in which ways the mutated side differs from the base, which is one of `PROJECTS`.

    `edits` change files of the project; `profile` replaces fields of the target; `sources` is SQL run over the loaded
    tables (in the from-scratch build too), `by_hand` is SQL run over the warehouse that dbt left. `by_rule` says which
    rule asks for builds although nothing differs: they are no detection, and are not scored as one. `is_no_op` says
    that nothing is meant to differ; the truth is observed all the same.
    """

    name: str
    group: str
    project: str = PROJECTS[0]
    edits: tuple[Edit, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: str | None = None
    target: str | None = None
    profile: Mapping[str, object] = field(default_factory=dict)
    sources: str = ""
    by_hand: str = ""
    by_rule: str = ""
    is_no_op: bool = False


def replace(path: str, old: str, new: str) -> Edit:
    """Replace a text that stands in a file exactly once."""

    def edit(project: Path) -> None:
        text = _read(project / path)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        _write(project / path, text.replace(old, new))

    return edit


def append(path: str, text: str) -> Edit:
    """Add a text at the end of a file."""
    return lambda project: _write(project / path, _read(project / path) + text)


def prepend(path: str, text: str) -> Edit:
    """Add a text at the beginning of a file."""
    return lambda project: _write(project / path, text + _read(project / path))


def write(path: str, text: str) -> Edit:
    """Write a file, and the folders above it."""
    return lambda project: _write(project / path, text)


def delete(path: str) -> Edit:
    """Delete a file."""
    return lambda project: (project / path).unlink()


def move(old: str, new: str) -> Edit:
    """Move a file or a folder."""

    def edit(project: Path) -> None:
        (project / new).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(project / old, project / new)

    return edit


def change(path: str, function: Callable[[str], str]) -> Edit:
    """Rewrite a file by a function of its text, which has to change it."""

    def edit(project: Path) -> None:
        before = _read(project / path)
        after = function(before)
        assert after != before, f"{path} stays as it is"
        _write(project / path, after)

    return edit


def _read(file: Path) -> str:
    return file.read_bytes().decode()  # not read_text: line ends count


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
