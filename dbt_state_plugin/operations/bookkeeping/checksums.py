"""Files matched by patterns, and their checksums.

A pattern is a path relative to BASE_PATH in which `*` stands for any characters of one name and a part that is `**`
for any number of directories; at the end `**` stands for every file below. Nothing else is special, so any file can be
named. As in a shell, a leading dot must be written out. Paths and symbolic links must not lead out of BASE_PATH.
Where the rules ask for the patterns of Python's pathlib, `?` and `[...]` are special too, `*` stands for a leading dot,
`**` goes into no symbolic links, and paths may lead out.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from dbt_state_plugin.core.values.bookkeeping_rules import STRICT, BookkeepingRules
from dbt_state_plugin.errors import UsageError

ANY_DEPTH = "**"
MAX_NAME_BYTES = 2000  # what surely fits into an entry of a PostgreSQL index, which is less than 2,704 bytes
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksums:
    """The checksum of each name; `warnings` are sentences about what is not covered as one may expect."""

    kind: str
    checksums: Mapping[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    """Stand in a directory with the parts of the pattern that are still to be matched below it.

    `above` are the real paths of the directories on the way here, which a symbolic link must not lead back to.
    """

    relative: PurePosixPath
    parts: tuple[str, ...]
    above: tuple[str, ...]


def checksum_files(
    base_path: str, patterns: Sequence[str], *, by_path: bool = False, rules: BookkeepingRules = STRICT
) -> Checksums:
    """Return the sha256 of each file that matches, named by its stem, or by its path relative to `base_path`.

    Raises UsageError for a path that is missing, unreadable or outside, for two files of one name, and when no pattern
    matches anything, as far as the rules do not allow it; a pattern without a match gives a warning then.
    """
    base = Path(base_path)
    if not os.path.isdir(base_path):  # noqa: PTH112 - Path.is_dir raises what it may not look at
        raise UsageError(
            f"BASE_PATH {base_path} is not a directory.", "Name the directory that the patterns start from."
        )
    matches = {pattern: frozenset(matching_files(base, pattern, rules)) for pattern in patterns}
    files = sorted(frozenset[PurePosixPath]().union(*matches.values()))
    if not files and not rules.allows_empty_steps:
        raise UsageError(
            f"No file below {base_path} matches {' or '.join(patterns)}.",
            'Write patterns relative to BASE_PATH, in quotes: "models/**/*.sql".',
        )
    named = [(str(file) if by_path else file.stem, str(file)) for file in files]
    warnings = _unmatched(base_path, matches, rules)
    if rules.combines_files:
        checksums, doubled = _combined(base, named)
        warnings += doubled
    else:
        names = unique_names(named, "Rename one of them, or pass --by-path to name files by their path.")
        checksums = {name: file_checksum(base / path) for name, path in names.items()}
    return Checksums(kind="file", checksums=checksums, warnings=tuple(warnings))


def _unmatched(base_path: str, matches: Mapping[str, frozenset[PurePosixPath]], rules: BookkeepingRules) -> list[str]:
    if not rules.allows_empty_steps:
        return [f"No file below {base_path} matches {pattern}." for pattern, files in matches.items() if not files]
    if any(matches.values()):
        return []
    return [f"No file below {base_path} matches {' or '.join(matches)}: the step covers nothing."]


def _combined(base: Path, named: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Return one checksum for each name, over all files of that name, and a warning where these are several."""
    paths: dict[str, list[str]] = {}
    for name, path in named:
        refuse_unrecordable(name)
        paths.setdefault(name, []).append(path)
    checksums = {name: _checksum_of_all(file_checksum(base / path) for path in each) for name, each in paths.items()}
    warnings = [
        f"{' and '.join(each)} are both named {name}: a change of one counts as a change of {name}."
        for name, each in paths.items()
        if len(each) > 1
    ]
    return checksums, warnings


def _checksum_of_all(checksums: Iterable[str]) -> str:
    first, *rest = checksums
    return hashlib.sha256("".join((first, *rest)).encode()).hexdigest() if rest else first


def matching_files(base: Path, pattern: str, rules: BookkeepingRules = STRICT) -> Iterator[PurePosixPath]:
    """Yield the path, relative to `base`, of each file that matches; one may come twice. Raises UsageError."""
    root = os.path.realpath(base)
    waiting = [_Directory(relative=PurePosixPath(), parts=_parts(pattern, rules), above=(root,))]
    seen = set(waiting)
    while waiting:
        directory = waiting.pop()
        here, *rest = directory.parts
        if here == ANY_DEPTH and rest:
            waiting.append(_Directory(relative=directory.relative, parts=tuple(rest), above=directory.above))
        if here == os.pardir:
            if rest:
                relative = directory.relative / os.pardir
                waiting.append(_Directory(relative=relative, parts=tuple(rest), above=directory.above))
            continue
        for entry in _entries(base / directory.relative):
            if not _matches(entry.name, "*" if here == ANY_DEPTH else here, rules):
                continue
            relative = directory.relative / entry.name
            is_directory = _is_directory(entry)
            if is_directory and (rest or here == ANY_DEPTH):
                if not _may_enter(entry, here, root, rules):
                    continue
                below = directory.parts if here == ANY_DEPTH else tuple(rest)
                step = _Directory(relative=relative, parts=below, above=_way_into(entry, directory.above, rules))
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
            elif not is_directory and not rest and _may_count(entry, root, rules):
                yield relative


def _may_enter(entry: os.DirEntry[str], part: str, root: str, rules: BookkeepingRules) -> bool:
    """Return whether patterns go into this directory; raises UsageError for a link that leads out."""
    if rules.pathlib_patterns:
        return not (part == ANY_DEPTH and entry.is_symlink())
    _refuse_leaving(entry, root)
    return True


def _may_count(entry: os.DirEntry[str], root: str, rules: BookkeepingRules) -> bool:
    """Return whether this is a file to cover; raises UsageError for a link that leads out."""
    if rules.pathlib_patterns:
        return entry.is_file()
    _refuse_leaving(entry, root)
    return True


def file_checksum(path: Path) -> str:
    """Return the sha256 of a file's bytes in hex; raises UsageError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{path} is not a regular file.", "Write patterns that match files only.")
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _open_without_waiting(path: str, flags: int) -> int:
    # A plain open of a named pipe waits until somebody writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def unique_names(named: Iterable[tuple[str, str]], way_out: str) -> dict[str, str]:
    """Return name -> path; raises UsageError when two paths share a name or a name cannot be recorded."""
    found: dict[str, str] = {}
    for name, path in named:
        if name in found:
            raise UsageError(f"{found[name]} and {path} are both named {name}.", way_out)
        refuse_unrecordable(name)
        found[name] = path
    return found


def refuse_unrecordable(name: str) -> None:
    """Raise UsageError for a name that PostgreSQL cannot hold: empty, not Unicode, with a NUL, or too long."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise UsageError(f"The name {name} is not valid UTF-8.", "Rename it.") from None
    if not 0 < size <= MAX_NAME_BYTES or "\0" in name:
        what = "empty" if not size else "longer than 2,000 bytes" if "\0" not in name else "not text: it contains a NUL"
        raise UsageError(f"The name {name[:60]} is {what}.", "Rename it.")


def _parts(pattern: str, rules: BookkeepingRules) -> tuple[str, ...]:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.startswith("/") or (os.pardir in parts and not rules.pathlib_patterns):
        raise UsageError(
            f"The pattern {pattern} leads out of BASE_PATH.", "Write patterns relative to BASE_PATH, without `..`."
        )
    if not parts:
        raise UsageError("A pattern is empty.", 'Write patterns like "models/**/*.sql".')
    return tuple(
        part for index, part in enumerate(parts) if not (part == ANY_DEPTH and parts[index - 1 : index] == [part])
    )


def _matches(name: str, part: str, rules: BookkeepingRules) -> bool:
    if rules.pathlib_patterns:
        return fnmatchcase(name, part)
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatchcase(name, re.sub(r"[?[]", r"[\g<0>]", part))  # `?` and `[` stand for themselves


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError as error:
        raise _unreadable(directory, error) from error


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise _unreadable(entry.path, error) from error


def _refuse_leaving(entry: os.DirEntry[str], root: str) -> None:
    if not entry.is_symlink():
        return
    try:
        target = os.path.realpath(entry.path, strict=True)
    except OSError as error:
        raise _unreadable(entry.path, error) from error
    if os.path.commonpath((root, target)) != root:
        raise UsageError(
            f"The symbolic link {entry.path} leads out of BASE_PATH.", "Remove it, or write patterns that leave it out."
        )


def _way_into(entry: os.DirEntry[str], above: tuple[str, ...], rules: BookkeepingRules) -> tuple[str, ...]:
    if rules.pathlib_patterns:
        return above
    real = os.path.realpath(entry.path)
    if real in above:
        raise UsageError(
            f"The symbolic link {entry.path} leads back to a directory above it.",
            "Remove it, or write patterns that leave it out.",
        )
    return (*above, real)


def _unreadable(path: object, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be read: {error.strerror}.", "Make it readable, or write patterns that omit it.")
