"""Effective definition of one Meltano plugin.

The most specific wins, as in Meltano: environment variables, the active environment, meltano.yml, the plugin that it
inherits from in the same order, the Hub's definition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from meltano_plugin.project import MeltanoProject, mapping, named
from meltano_plugin.sensitive import declared_secrets

EXTRAS = ("select", "select_filter", "metadata", "schema", "load_schema", "catalog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One plugin with everything that decides what it does.

    `config` has dotted names and no `_extras`; `secrets` are the names that a definition marks as sensitive.
    `capabilities` is None if nobody says.
    """

    name: str
    variant: str
    executable: str
    pip_url: str = field(repr=False)
    python: str
    capabilities: frozenset[str] | None
    config: Mapping[str, Any] = field(repr=False)
    extras: Mapping[str, Any] = field(repr=False)
    secrets: frozenset[str]
    mappings: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def effective_plugin(project: MeltanoProject, kind: str, name: str) -> Plugin:
    """Return the effective definition of a plugin; raises ConfigurationError for a lock file that cannot be read."""
    chain = list(_ancestors(project, kind, name))
    written = [layer for own, layer in chain if own]
    definitions = [layer for _, layer in chain]
    settings = [setting for layer in definitions for setting in named(layer.get("settings"))]
    config: dict[str, Any] = {}
    extras: dict[str, Any] = {}
    for setting in reversed(settings):
        if setting.get("value") is not None:
            config |= _flat({setting["name"]: setting["value"]})
    for layer in reversed(_with_environment(project, kind, written)):
        given = dict(mapping(layer.get("config")))
        for extra in EXTRAS:
            value = given.pop(f"_{extra}", layer.get(extra))
            if value is not None:
                extras[extra] = _laid_over(extras.get(extra), value)
        config |= _flat({key: value for key, value in given.items() if not key.startswith("_")})
    names = {*config, *(str(setting["name"]) for setting in settings)}
    for prefix in reversed(_prefixes(definitions)):
        config |= {each: value for each in names if (value := project.environ.get(_variable(prefix, each))) is not None}
        extras |= _extras_of_environment(prefix, project.environ)
    capabilities = _first(definitions, "capabilities")
    return Plugin(
        name=name,
        variant=str(_first(definitions, "variant") or ""),
        executable=str(_first(definitions, "executable") or definitions[-1].get("name") or name),
        pip_url=str(_first(definitions, "pip_url") or ""),
        python=str(_first(definitions, "python") or ""),
        capabilities=frozenset(map(str, capabilities)) if isinstance(capabilities, list) else None,
        config=dict(sorted(config.items())),
        extras=extras,
        secrets=declared_secrets(settings),
        mappings=tuple(_first(definitions, "mappings") or ()),
    )


def _ancestors(project: MeltanoProject, kind: str, name: str) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """Yield the plugin, those that it inherits from, and the Hub's definition of the last; True for those written."""
    seen: set[str] = set()
    last, variant = name, None
    while name not in seen and (plugin := project.plugin(kind, name)):
        seen.add(name)
        yield True, plugin
        last, variant = str(plugin.get("inherit_from") or name), plugin.get("variant") or variant
        name = last
    lock = project.lock(kind, last, None if variant is None else str(variant))
    yield False, lock or {"name": last}


def _with_environment(project: MeltanoProject, kind: str, written: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the layers, each behind what the active environment says about it, nearest first."""
    layers: list[Mapping[str, Any]] = []
    for layer in written:
        layers += [project.environment_plugin(kind, str(layer["name"])), layer]
    return layers


def _extras_of_environment(prefix: str, environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for extra in EXTRAS:
        start = _variable(prefix, f"_{extra}")
        value = environ.get(start)
        if value is not None:
            found[extra] = _json(value) if extra not in ("load_schema", "catalog") else value
        if extra in ("metadata", "schema"):
            # A variable may name one rule; which stream it is for cannot be told from it, so it counts for all.
            rules = {each: environ[each] for each in sorted(environ) if each.startswith(f"{start}_")}
            if rules:
                found[f"{extra}_variables"] = rules
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _laid_over(below: Any, value: Any) -> Any:
    if isinstance(below, Mapping) and isinstance(value, Mapping):
        return {**below, **{key: _laid_over(below.get(key), item) for key, item in value.items()}}
    return value


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings with dotted names, as Meltano treats both spellings as one."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return found


def _prefixes(definitions: list[Mapping[str, Any]]) -> list[str]:
    names = [str(layer[key]) for layer in definitions for key in ("name", "namespace") if layer.get(key)]
    return list(dict.fromkeys(_upper(name) for name in names))


def _variable(prefix: str, setting: str) -> str:
    return f"{prefix}_{re.sub(r'[^A-Za-z0-9]', '_', setting).upper()}"


def _upper(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _first(definitions: list[Mapping[str, Any]], key: str) -> Any:
    return next((layer[key] for layer in definitions if layer.get(key) is not None), None)
