"""Files and variables that decide what dbt parses.

When none has changed, the last parse is still valid, and dbt need not even be imported. Only content counts, never a
file's time: a restore keeps times. Anything that cannot be seen from outside makes the inputs unknown, and dbt parses.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SECRET_PREFIXES = ("DBT_ENV_SECRET", "DBT_ENGINE_ENV_SECRET")
_OWN_PREFIX = "DBT_STATE_PLUGIN_"
_ROOT_FILES = re.compile(r"(\.ya?ml|\.dbtignore)$", re.IGNORECASE)
_NEVER_INPUT = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "target", "logs", "__pycache__"})
_BLOCK = 1 << 14  # bytes
_NOT_RENDERED = frozenset({".csv", ".parquet", ".png", ".jpg", ".svg"})
_ENV_VAR = re.compile(rb"\benv_var\b")
_LITERAL_ENV_VAR = re.compile(rb"\benv_var\s*\(\s*(['\"])([^'\"\\]*)\1\s*[,)]")
# What makes parsing itself give another answer on every run, so that no earlier answer can stand.
_RESTLESS = re.compile(
    rb"\brun_started_at\b|\binvocation_id\b|\binvocation_args_dict\b|\bmodules\b[^%}]*\bdatetime\b|\|\s*random\b"
    rb"|\bdbt_metadata_envs\b|\bbuiltins\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlaces:
    """Where dbt looks: folders that it reads whole, and folders of which it reads the YAML files at the top.

    All paths are absolute. `env_vars` are the names of the environment variables that the files read. `packages` are
    those of the folders that dbt does not search itself: it reads the packages that lie in them, each by its own
    folders and root, so that the `.git` of a package, which `dbt deps` leaves there, is no input.
    """

    folders: tuple[str, ...]
    roots: tuple[str, ...]
    env_vars: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def scan_places(places: InputPlaces) -> InputPlaces | None:
    """Return the places with the environment variables that their files read, or None when that cannot be known."""
    names: set[str] = set()
    for path in _files(places):
        if Path(path).suffix.lower() in _NOT_RENDERED:
            continue
        content = Path(path).read_bytes()
        found = [match[1] for match in _LITERAL_ENV_VAR.findall(content)]
        if len(found) != len(_ENV_VAR.findall(content)) or _RESTLESS.search(content):
            return None
        names |= {name.decode("utf-8", "surrogateescape") for name in found}
    return replace(places, env_vars=tuple(sorted(names)))


def digest_of_files(places: InputPlaces) -> str:
    """Return one sha256 over the paths and contents of all files in the places; raises OSError."""
    return digest_of_digests(file_digests(_files(places)))


def digest_of_digests(digests: Mapping[str, str]) -> str:
    """Return one sha256 over paths and the digests of their contents, in the order of the paths."""
    lines = [f"{path!r} {digest}\n" for path, digest in sorted(digests.items())]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def file_digests(paths: Iterable[str]) -> dict[str, str]:
    """Return the sha256 of the content of each file; raises OSError."""
    return {path: _digest_of_file(path) for path in paths}


def _digest_of_file(path: str) -> str:
    # The calls of the system itself: half of the time of a file object, for tens of thousands of small files.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        found = hashlib.sha256(os.read(descriptor, _BLOCK))
        while block := os.read(descriptor, _BLOCK):
            found.update(block)
    finally:
        os.close(descriptor)
    return found.hexdigest()


def project_files(project_dir: str, *, skip: Iterable[str] = ()) -> list[str]:
    """Return all files below a project's folder that dbt could read, before dbt has said where it looks.

    `skip` are further names of files and folders that hold no input.
    """
    return _all_files(project_dir, skip=_NEVER_INPUT.union(skip))


def files_in(places: InputPlaces) -> list[str]:
    """Return every file in the places once."""
    return list(_files(places))


def watched_environment(places: InputPlaces, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that can change what dbt parses: those that files read, and dbt's own."""
    return {
        name: value
        for name, value in environ.items()
        if (name in places.env_vars or (name.startswith("DBT_") and not name.startswith(_OWN_PREFIX)))
        and not name.startswith(_SECRET_PREFIXES)
    }


def _files(places: InputPlaces) -> Iterator[str]:
    """Yield every file once."""
    seen: set[str] = set()
    for root in places.roots:
        yield from _fresh(_root_files(root), seen)
    for folder in places.folders:
        is_searched = folder not in places.packages
        yield from _fresh(_all_files(folder) if is_searched else _files_of_packages(folder), seen)


def _fresh(paths: Iterable[str], seen: set[str]) -> Iterator[str]:
    for path in paths:
        if path not in seen:
            seen.add(path)
            yield path


def _root_files(root: str) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.path for entry in entries if _ROOT_FILES.search(entry.name) and entry.is_file()]
    except FileNotFoundError:
        return []


def _files_of_packages(folder: str) -> list[str]:
    """Return the files of the packages in a folder without what `project_files` skips; a package may have any name."""
    return _all_files(folder, skip=_NEVER_INPUT, keeps_top=True)


def _all_files(folder: str, *, skip: frozenset[str] = frozenset(), keeps_top: bool = False) -> list[str]:
    found: list[str] = []
    todo: list[tuple[str, tuple[str, ...]]] = [(folder, ())]
    while todo:
        current, above = todo.pop()
        real = os.path.realpath(current)
        if real in above:
            continue  # a symlink that leads back up; those of `dbt deps` lead aside, and count like folders
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    if entry.name in skip and (above or not keeps_top):
                        continue
                    if entry.is_dir():
                        todo.append((entry.path, (*above, real)))
                    else:
                        found.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def places_document(places: InputPlaces) -> dict[str, Any]:
    """Return the places as a value of JSON's kind."""
    return {
        "folders": list(places.folders),
        "roots": list(places.roots),
        "env_vars": list(places.env_vars),
        "packages": list(places.packages),
    }


def places_from_document(document: Mapping[str, Any]) -> InputPlaces:
    """Return the places that `places_document` described."""
    return InputPlaces(
        folders=tuple(document["folders"]),
        roots=tuple(document["roots"]),
        env_vars=tuple(document["env_vars"]),
        packages=tuple(document.get("packages", ())),
    )
