"""Definition of a load, by named parts.

One item per pair, stream and part, such as `tap-shop to target-postgres / public-orders / select`. Connection settings
and secrets are no part of it. `pip_url` is a part of its own, since another release does not change what was loaded.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from meltano_plugin.pair import Pair, pairs_of
from meltano_plugin.plugin import Plugin, effective_plugin
from meltano_plugin.project import MeltanoProject
from meltano_plugin.sensitive import is_left_out, without_secrets, without_user
from meltano_plugin.streams import rules_for, streams_of

SEPARATOR = " / "
VERSION = "version"
PARTS = ("plugin", "select", "metadata", "schema", "load schema", "config", "mapper", VERSION)
_PER_STREAM = ("stream_maps", "stream_config")


def load_definition(
    project: MeltanoProject, utility: str, known: Mapping[Pair, Collection[str]]
) -> dict[Pair, dict[str, dict[str, Any]]]:
    """Return the parts of each stream of each pair; `known` are the streams that were recorded earlier.

    Raises ConfigurationError when a lock file or a catalog cannot be read.
    """
    return {pair: _streams(project, pair, known.get(pair, ())) for pair in pairs_of(project, utility)}


def item_name(pair: Pair, stream: str, part: str) -> str:
    """Return the name under which a part is recorded."""
    return SEPARATOR.join((str(pair), stream, part))


def taken_apart(name: str) -> tuple[str, str, str]:
    """Return pair, stream and part of a recorded name."""
    pair, _, rest = name.partition(SEPARATOR)
    stream, _, part = rest.rpartition(SEPARATOR)
    return pair, stream, part


def _streams(project: MeltanoProject, pair: Pair, known: Collection[str]) -> dict[str, dict[str, Any]]:
    tap = effective_plugin(project, "extractors", pair.extractor)
    target = effective_plugin(project, "loaders", pair.loader)
    patterns = _texts(tap.extras.get("select")) or ["*.*"]
    filters = _texts(tap.extras.get("select_filter"))
    catalog = catalog_streams(project, tap)
    streams = streams_of(patterns, filters, catalog=catalog, known=known)
    others = set(streams) | set(catalog or ())
    return {stream: _parts(project, pair, tap, target, patterns, stream, others - {stream}) for stream in streams}


def _parts(
    project: MeltanoProject,
    pair: Pair,
    tap: Plugin,
    target: Plugin,
    patterns: list[str],
    stream: str,
    others: Collection[str],
) -> dict[str, Any]:
    values = {
        "plugin": [[each.name, each.variant, each.executable] for each in (tap, target)],
        "select": rules_for(patterns, stream),
        "metadata": [_rules(tap.extras.get("metadata"), stream), tap.extras.get("metadata_variables")],
        "schema": [_rules(tap.extras.get("schema"), stream), tap.extras.get("schema_variables")],
        "load schema": tap.extras.get("load_schema"),
        "config": [_config(each, others) for each in (tap, target)],
        "mapper": [_mapping(project, name, others) for name in pair.mappings],
        VERSION: [[without_user(each.pip_url), each.python] for each in (tap, target)],
    }
    return {
        part: value if part == VERSION else without_secrets(value, project.environ) for part, value in values.items()
    }


def _rules(rules: Any, stream: str) -> dict[str, Any]:
    """Return the rules of metadata or schema that fit a stream; a dotted key starts with the name of the stream."""
    if not isinstance(rules, Mapping):
        return {} if rules is None else {"": rules}
    found: dict[str, Any] = {}
    for key, value in rules.items():
        pattern = str(key)
        if fnmatchcase(stream, pattern) or pattern == stream:
            found[""] = {**found.get("", {}), **value} if isinstance(value, Mapping) else value
        elif pattern.startswith(f"{stream}."):
            found[pattern.removeprefix(f"{stream}.")] = value
        elif "." in pattern and any(fnmatchcase(stream, pattern.rsplit(".", n)[0]) for n in range(1, 9)):
            found[pattern] = value
    return found


def _config(plugin: Plugin, others: Collection[str]) -> dict[str, Any]:
    """Return the settings that count for one stream: none that connects, and no other stream's own map."""
    found = {}
    for name, value in plugin.config.items():
        top, _, rest = name.partition(".")
        if top in plugin.secrets or name in plugin.secrets or is_left_out(name):
            continue
        if top in _PER_STREAM and any(rest == other or rest.startswith(f"{other}.") for other in others):
            continue
        found[name] = value
    return found


def _mapping(project: MeltanoProject, name: str, others: Collection[str]) -> list[Any]:
    """Return the mapper behind the name of a mapping, and what the mapping says for one stream."""
    for written in project.plugins("mappers"):
        mapper = effective_plugin(project, "mappers", str(written["name"]))
        for mapping in mapper.mappings:
            if mapping.get("name") == name:
                config = {
                    key: {map_: rule for map_, rule in value.items() if map_ not in others}
                    if key in _PER_STREAM and isinstance(value, Mapping)
                    else value
                    for key, value in dict(mapping.get("config") or {}).items()
                    if key not in mapper.secrets and not is_left_out(str(key))
                }
                return [mapper.name, mapper.variant, mapper.executable, _config(mapper, others), config]
    return [name]


def catalog_streams(project: MeltanoProject, tap: Plugin) -> frozenset[str] | None:
    """Return the streams in the catalog of a tap: its own, else the one that Meltano keeps; None without one."""
    own = tap.extras.get("catalog")
    path = project.root / str(own) if own else project.system_dir / "run" / tap.name / "tap.properties.json"
    try:
        catalog = json.loads(Path(path).read_text(encoding="utf-8"))
        return frozenset(str(stream.get("tap_stream_id") or stream["stream"]) for stream in catalog["streams"])
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None  # Meltano discovers it anew, or says what is wrong with it


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, Iterable) else []
