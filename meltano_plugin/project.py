"""The Meltano project: meltano.yml and included files.

Meltano itself is not imported: that takes seconds. Its rules are followed: included files are merged in, lists are
joined, mappings merged (Meltano 4: `meltano.core.project_files`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dbt_state_plugin.api import load_yaml
from dbt_state_plugin.errors import ConfigurationError

MELTANO_FILE_NAME = "meltano.yml"
PLUGIN_NAME = "dbt-state-plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoProject:
    """One Meltano project in its active environment; `content` is meltano.yml with what it includes.

    `content` and `environ` may hold secrets, so they are left out of `repr`.
    """

    root: Path
    system_dir: Path
    environment: str
    content: Mapping[str, Any] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    def plugins(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the plugins of a kind (`extractors`, `loaders`, `mappers`, `utilities`) as they are written."""
        return named(mapping(self.content.get("plugins")).get(kind))

    def plugin(self, kind: str, name: str) -> Mapping[str, Any]:
        """Return one plugin as it is written, or an empty mapping."""
        return next((plugin for plugin in self.plugins(kind) if plugin["name"] == name), {})

    def environment_plugin(self, kind: str, name: str) -> Mapping[str, Any]:
        """Return what the active environment says about a plugin."""
        for environment in named(self.content.get("environments")):
            if environment["name"] == self.environment:
                plugins = mapping(mapping(environment.get("config")).get("plugins"))
                return next((each for each in named(plugins.get(kind)) if each["name"] == name), {})
        return {}

    def lock(self, kind: str, name: str, variant: str | None) -> Mapping[str, Any]:
        """Return the Hub's definition of a plugin as `meltano add` wrote it down, or an empty mapping."""
        folder = self.root / "plugins" / kind
        there = sorted(each.name for each in folder.glob("*--*.lock"))
        names = [f"{name}--{variant}.lock"] if variant else [each for each in there if each.startswith(f"{name}--")]
        for path in [folder / name for name in names]:
            try:
                return mapping(json.loads(path.read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError) as error:
                raise ConfigurationError(
                    f"{path} cannot be read: {_cause(error)}.",
                    "Correct it, or write it again with `meltano lock --update`.",
                ) from None
        return {}

    @property
    def jobs(self) -> dict[str, tuple[str, ...]]:
        """Return each job with its blocks, whichever way its tasks are grouped."""
        return {str(job["name"]): tuple(_words(job.get("tasks"))) for job in named(self.content.get("jobs"))}


def active_environment(environ: Mapping[str, str]) -> str:
    """Return the name of the active Meltano environment; raises ConfigurationError without one."""
    name = environ.get("MELTANO_ENVIRONMENT", "")
    if not name:
        raise ConfigurationError(
            "No Meltano environment is active.",
            "Name one, as in `meltano --environment=dev run ...`, or set default_environment in meltano.yml.",
        )
    return name


def utility_name(environ: Mapping[str, str]) -> str:
    """Return the name under which this plugin stands in meltano.yml."""
    return environ.get("MELTANO_UTILITY_NAME") or PLUGIN_NAME


def project_of(environ: Mapping[str, str]) -> MeltanoProject:
    """Read the Meltano project; raises ConfigurationError."""
    root = Path(environ["MELTANO_PROJECT_ROOT"])
    system_dir = Path(environ.get("MELTANO_SYS_DIR_ROOT") or root / ".meltano")
    return read_project(root, system_dir, active_environment(environ), dict(environ))


def read_project(root: Path, system_dir: Path, environment: str, environ: Mapping[str, str]) -> MeltanoProject:
    """Read meltano.yml and what it includes; raise ConfigurationError when one cannot be read."""
    main = root / MELTANO_FILE_NAME
    content = _read(main)
    for path in _included(root, content.get("include_paths") or ()):
        content = _merged(content, _read(path))
    return MeltanoProject(root=root, system_dir=system_dir, environment=environment, content=content, environ=environ)


def _included(root: Path, patterns: Any) -> list[Path]:
    if not isinstance(patterns, Iterable) or isinstance(patterns, (str, Mapping)):
        return []
    found: dict[Path, None] = {}
    for pattern in patterns:
        try:
            found |= dict.fromkeys(sorted(root.glob(str(pattern))))
        except (NotImplementedError, ValueError, OSError):
            raise ConfigurationError(
                f"include_paths of {root / MELTANO_FILE_NAME} contains something that is not a file pattern.",
                "Write paths below the project, such as ./extract/*.meltano.yml.",
            ) from None
    return [path for path in found if path != root / MELTANO_FILE_NAME and path.is_file()]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {_cause(error)}.", "Correct the file.") from None
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{path} does not hold a mapping.", "Write keys such as plugins: at its top.")
    return dict(content or {})


def _cause(error: Exception) -> str:
    """Return what is wrong without the text of the file, in which secrets may stand."""
    if isinstance(error, yaml.MarkedYAMLError):
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return f"it is not valid YAML{where}"
    if isinstance(error, yaml.YAMLError):
        return "it is not valid YAML"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return "it is not valid JSON" if isinstance(error, json.JSONDecodeError) else "it is not UTF-8 text"


def _merged(into: Any, more: Any) -> Any:
    if isinstance(into, dict) and isinstance(more, dict):
        return {**into, **{key: _merged(into[key], value) if key in into else value for key, value in more.items()}}
    return [*into, *more] if isinstance(into, list) and isinstance(more, list) else more


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping with names for keys; whatever else stands in its place says nothing."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def named(value: Any) -> list[Mapping[str, Any]]:
    """Return the items of a list that have a name, which Meltano takes for text."""
    items = value if isinstance(value, list) else []
    return [
        {**mapping(item), "name": str(item["name"])} for item in items if isinstance(item, Mapping) and "name" in item
    ]


def _words(tasks: Any) -> Iterator[str]:
    if isinstance(tasks, str):
        yield from tasks.split()
    elif isinstance(tasks, Iterable):
        for task in tasks:
            yield from _words(task)
