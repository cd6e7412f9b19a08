"""Catalogue of a metastore in Derby, kept for commands without session.

A session takes seconds to start, and Derby's folder changes whenever one has it open, even to read. So at the end of a
session of ours, when Derby has been shut down, the catalogue is written into a file beside that folder, with a digest
of all that is in the folder. It holds as long as nobody has opened the metastore since.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dbt_state_plugin.core.values.relations import RelationKind
from dbt_state_plugin.warehouse.spark.catalog import Held
from dbt_state_plugin.warehouse.spark.files import local_path
from dbt_state_plugin.warehouse.spark.metastore import Metastore

VERSION = 1  # another number where what was kept before must not count
_LOCKS = ("db.lck", "dbex.lck")
_TEMPORARY = "tmp"

Catalogue = Mapping[str, tuple[Held, ...]]  # by schema


def read_catalogue(metastore: Metastore) -> Catalogue | None:
    """Return what was kept, None if it does not hold any more, or a table lies where only a session can look."""
    if metastore.derby is None or metastore.holder() is not None:
        return None
    try:
        kept = json.loads(_file(metastore.derby).read_text(encoding="utf-8"))
        if kept["version"] != VERSION or kept["folder"] != _digest(metastore.derby):
            return None
        found = {schema: tuple(map(_held, relations)) for schema, relations in kept["schemas"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or edited by hand
        return None
    return found if all(_is_local(held) for relations in found.values() for held in relations) else None


def write_catalogue(metastore: Metastore, catalogue: Catalogue) -> None:
    """Keep the catalogue as it is; nobody may have the metastore open. Without rights nothing is kept."""
    if metastore.derby is None or metastore.holder() is not None:
        return
    schemas = {schema: [asdict(held) for held in relations] for schema, relations in catalogue.items()}
    file = _file(metastore.derby)
    written = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        document = {"version": VERSION, "folder": _digest(metastore.derby), "schemas": schemas}
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(document, out)
        written.replace(file)


def _file(derby: Path) -> Path:
    return derby.with_name(f"{derby.name}.dbt_state_plugin.json")


def _held(document: dict[str, Any]) -> Held:
    return Held(**{**document, "kind": RelationKind(document["kind"]), "fields": tuple(document["fields"])})


def _is_local(held: Held) -> bool:
    places = [place for place in (held.location, *held.partitions.values()) if place]
    return all(local_path(place) is not None for place in places)


def _digest(derby: Path) -> str:
    """Return a hash of all files of Derby but its locks; raises OSError."""
    digest = hashlib.sha256()
    for path in sorted(_files(derby)):
        digest.update(repr((str(path.relative_to(derby)), path.stat().st_size)).encode("utf-8", "surrogatepass"))
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(derby: Path) -> Iterator[Path]:
    for path in derby.rglob("*"):
        place = path.relative_to(derby)
        if path.is_file() and place.parts[0] != _TEMPORARY and str(place) not in _LOCKS:
            yield path
