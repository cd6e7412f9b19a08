"""Cache of the parsed project, valid while no parse input changed."""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dbt_state_plugin.core.fingerprint.hashing import SCHEME, keyed_digest
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.version import VERSION
from dbt_state_plugin.project.inputs import (
    InputPlaces,
    digest_of_digests,
    digest_of_files,
    file_digests,
    files_in,
    places_document,
    places_from_document,
    project_files,
    scan_places,
    watched_environment,
)
from dbt_state_plugin.project.parsers import installed_parsers
from dbt_state_plugin.state.parsed_projects import ParsedProject, read_parsed_project, write_parsed_project

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.core.values.fingerprinted import FingerprintedProject
    from dbt_state_plugin.dbt_runner.arguments import ExtraArguments
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.session import Session


Answer = TypeVar("Answer")
# What reading a row raises that was edited by hand, or that another release wrote.
_NOT_READABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, zlib.error)
READS = 3  # another number where more is read out of a project than before: then it is parsed once more


def recorded_project(
    session: Session, key: bytes, extra: ExtraArguments, *, known: str | None = None
) -> Project | None:
    """Return the project as it was parsed the last time, or None when an input differs or cannot be seen.

    `known` is the recorded digest that the inputs have, where it was just computed; nothing if they differ.
    """
    if known == "":
        return None
    snapshot = read_parsed_project(session.state)
    if snapshot is None:
        return None
    try:
        places = places_from_document(snapshot.places)
        recorded = snapshot.inputs_digest
        if recorded != known and not inputs_are_unchanged(session, key, extra, places, recorded):
            return None
        return snapshot.project()
    except (OSError, *_NOT_READABLE):  # or a file that cannot be read
        return None  # dbt parses


def fingerprinted_project(session: Session) -> FingerprintedProject | None:
    """Return the project that was recorded last, whatever has become of its inputs, with its fingerprints' own."""
    return _last(session, lambda snapshot: snapshot.fingerprinted())  # without it everything is hashed


def last_project(session: Session) -> Project | None:
    """Return the project that was recorded last, whatever has become of its inputs."""
    return _last(session, lambda snapshot: snapshot.project())


def _last(session: Session, read: Callable[[ParsedProject], Answer | None]) -> Answer | None:
    snapshot = read_parsed_project(session.state) if session.has_state else None
    try:
        return read(snapshot) if snapshot is not None else None
    except _NOT_READABLE:
        return None


def inputs_are_unchanged(
    session: Session, key: bytes, extra: ExtraArguments, places: InputPlaces, recorded_digest: str
) -> bool:
    """Return whether all inputs of the parse are what they were; not where one of them cannot be seen."""
    if _holds_jinja(session) or _hides_its_target(session):
        return False
    try:
        return inputs_digest(session, key, extra, places, digest_of_files(places)) == recorded_digest
    except (OSError, TypeError, ValueError):
        return False


def places_of(parsed: Parsed) -> InputPlaces:
    """Return where dbt looked for the files of a project."""
    return InputPlaces(folders=parsed.input_folders, roots=parsed.input_roots, packages=parsed.input_packages)


def files_before_parsing(session: Session) -> dict[str, str]:
    """Return the digests of the project's files, to be compared with those after dbt has read them."""
    workplace = session.target.workplace
    if workplace is None:
        return {}
    try:
        return file_digests(project_files(str(workplace.project_dir), skip=workplace.profile.own_files))
    except OSError:
        return {}


def record_project(
    session: Session,
    key: bytes,
    extra: ExtraArguments,
    fingerprinter: Fingerprinter,
    places: InputPlaces,
    before: dict[str, str],
) -> bool:
    """Record what was parsed, with what its fingerprints were made of; tell whether that was done.

    Nothing is recorded when a file changed meanwhile or an input cannot be seen.
    """
    if _holds_jinja(session) or _hides_its_target(session):
        return False
    try:
        scanned = scan_places(places)
        if scanned is None:
            return False
        after = file_digests(files_in(scanned))
        if any(before.get(path) != digest for path, digest in after.items()):
            return False
        # The very digests that were compared: a file that changes from here on must not pass for what was parsed.
        digest = inputs_digest(session, key, extra, scanned, digest_of_digests(after))
    except OSError:
        return False
    write_parsed_project(
        session.state,
        inputs_digest=digest,
        places=places_document(scanned),
        project=fingerprinter.project,
        inputs=fingerprinter.inputs(),
    )
    return True


def _holds_jinja(session: Session) -> bool:
    """Return whether a value of --vars is Jinja, which may read environment variables that no file names."""
    values = json.dumps(session.target.variables, default=str)
    return "{{" in values or "{%" in values


def _hides_its_target(session: Session) -> bool:
    """Return whether only the adapter knows what `target` holds, so that nobody else can see whether it changed."""
    workplace = session.target.workplace
    return workplace is not None and workplace.profile.shown is None


def inputs_digest(session: Session, key: bytes, extra: ExtraArguments, places: InputPlaces, files_digest: str) -> str:
    """Return one keyed hash over everything that decides what dbt would parse."""
    workplace = session.target.workplace
    return keyed_digest(key)(
        {
            "versions": [VERSION, SCHEME, READS, sys.version, *installed_parsers()],
            "target": dict(workplace.profile.target_context) if workplace else {},
            "folder": str(workplace.project_dir) if workplace else "",
            "vars": dict(session.target.variables),
            "flags": [list(extra.powerful), list(extra.for_parsing)],
            "environment": watched_environment(places, os.environ),
            "files": files_digest,
        }
    )
