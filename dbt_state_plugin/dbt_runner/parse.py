"""Parse the project with dbt in this process."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.changes.seed_shape import SeedColumn
from dbt_state_plugin.core.values.definition import ProjectDefinition
from dbt_state_plugin.dbt_runner.callbacks import one_line
from dbt_state_plugin.dbt_runner.hidden_variables import HIDDEN, hidden_from_dbt
from dbt_state_plugin.dbt_runner.manifest import (
    graph_extras,
    macro_definitions,
    microbatch_models,
    node_definitions,
    project_hooks,
    seed_files,
)
from dbt_state_plugin.dbt_runner.messages import repeat_warning, say
from dbt_state_plugin.dbt_runner.seed_file import seed_rows_digest
from dbt_state_plugin.errors import ProjectError

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.invocation import Invocation


_UNINSTALLED = 'Run "dbt deps"'  # dbt's own words, as are the next
_ABSENT_ADAPTER = re.compile(r"Could not find adapter type ([\w-]+)!")  # dbt's own words
PARTIAL_PARSE_FILE = "partial_parse.msgpack"  # dbt's own name, in the target folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The parsed project: its definition in plain values, and the manifest that `execute` runs."""

    definition: ProjectDefinition
    manifest: Any = field(repr=False)
    microbatch: frozenset[str] = frozenset()
    seed_files: Mapping[str, Path] = field(default_factory=dict)
    input_folders: tuple[str, ...] = ()
    input_roots: tuple[str, ...] = ()
    input_packages: tuple[str, ...] = ()
    has_plugins: bool = False


def parse(invocation: Invocation, *, environ: Mapping[str, str]) -> Parsed:
    """Parse the project with dbt and return its definition; raises ProjectError with dbt's own message.

    dbt goes on from what it parsed the last time, and in some cases (metrics that moved from file to file) takes what
    is gone for a duplicate. What fails like this is parsed once more, from nothing.
    """
    saved = invocation.target_path / PARTIAL_PARSE_FILE
    went_on = saved.exists()
    result = _parse(invocation)
    if went_on and not _is_parsed(result) and isinstance(result.exception, Exception):
        with suppress(OSError):  # else it stays, and the full parse replaces it
            saved.unlink()
        result = _parse(invocation, "--no-partial-parse")
        if _is_parsed(result):
            say(
                "dbt-state-plugin: dbt could not reuse its last parse (partial parsing), so the whole project was"
                " parsed again; nothing needs to be fixed."
            )
    if not _is_parsed(result):
        if isinstance(result.exception, OSError):
            raise _unusable(result.exception)
        why = one_line(result.exception)
        raise ProjectError(f"dbt cannot read the project: {why}", _what_to_do(why))
    config = runtime_config()
    searched, packages = _searched_folders(config), str(Path(config.project_root, config.packages_install_path))
    return Parsed(
        definition=_definition(result.result, config, invocation, environ),
        manifest=result.result,
        microbatch=frozenset(microbatch_models(result.result)),
        seed_files=seed_files(result.result, invocation.project_dir),
        input_folders=tuple(sorted({*searched, packages})),
        input_roots=tuple(sorted(project.project_root for project in _projects(config).values())),
        input_packages=() if packages in searched else (packages,),
        has_plugins=_has_plugins(config),
    )


def _unusable(error: OSError) -> ProjectError:
    return ProjectError(
        f"dbt cannot use {error.filename or 'its folders'}: {error.strerror or error}.",
        "Let this user read the project, and write there; or name other folders by DBT_LOG_PATH and DBT_TARGET_PATH.",
    )


def _what_to_do(why: str) -> str:
    absent = _ABSENT_ADAPTER.search(why)
    if absent:
        return f"Run `pip install dbt-{absent[1]}` in the same environment, then run the command again."
    if _UNINSTALLED in why:
        return "Run `dbt deps` in the project, then run the command again."
    return "Correct the project (`dbt parse` shows the same error), then run the command again."


def _parse(invocation: Invocation, *flags: str) -> Any:
    from dbt.cli.main import dbtRunner

    arguments = ["parse", "--no-write-json", "--log-level", "none", *invocation.arguments()]
    with redirect_stdout(sys.stderr), hidden_from_dbt(HIDDEN):
        return dbtRunner(callbacks=[_repeat_warnings]).invoke([*arguments, *invocation.extra.for_parsing, *flags])


def _is_parsed(result: Any) -> bool:
    return bool(result.success) and result.result is not None


def parsed_again(manifest: Any, invocation: Invocation, environ: Mapping[str, str]) -> Parsed:
    """Return a manifest that was read from a file as if it had been parsed just now, except for the files of its seeds.

    The project itself must have been parsed in this process before.
    """
    return Parsed(
        definition=_definition(manifest, runtime_config(), invocation, environ, reads_seeds=False), manifest=manifest
    )


def seed_rows(parsed: Parsed, unique_id: str) -> str:
    """Return a hash of the rows in a seed's file as dbt reads them, or nothing if they cannot be read."""
    config = parsed.manifest.nodes[unique_id].config
    return seed_rows_digest(parsed.seed_files[unique_id], str(config.get("delimiter") or ","))


def seed_columns(parsed: Parsed, unique_id: str) -> tuple[SeedColumn, ...]:
    """Return the columns of the table that dbt would create for a seed, none if its file cannot be read.

    As in dbt's `load_agate_table` and `create_csv_table`: types come from all rows, where `column_types` has none.
    """
    from dbt.adapters.factory import FACTORY
    from dbt_common.clients.agate_helper import from_csv

    config = parsed.manifest.nodes[unique_id].config
    given = config.column_types or {}
    adapter = next(iter(FACTORY.adapters.values()))
    try:
        table = from_csv(str(parsed.seed_files[unique_id]), text_columns=given, delimiter=config.delimiter)
        kinds = [str(adapter.convert_type(table, position)) for position in range(len(table.column_names))]
    except Exception:  # whatever is wrong with a file of the user: dbt itself says so when it loads it
        return ()
    return tuple(
        SeedColumn(
            name=parsed.definition.dialect.column_name(name, name if config.quote_columns is False else f'"{name}"'),
            kind=str(given.get(name, kind)),
            header=name,
        )
        for name, kind in zip(table.column_names, kinds, strict=True)
    )


def _repeat_warnings(event: Any) -> None:
    """Show what dbt warns about while it parses, on stderr, since the answer goes to stdout."""
    if str(event.info.level).lower().endswith("warn"):
        repeat_warning(event)


def runtime_config() -> Any:
    """Return the configuration of the invocation that came last, with its profile, project and packages."""
    from dbt.adapters.factory import FACTORY

    return next(iter(FACTORY.adapters.values())).config


def _stored_database(name: str, invocation: Invocation) -> str:
    """Return the name of the target's database as the server stores it: dbt connects to it by its very name."""
    return invocation.dialect.stored_name(name, f'"{name}"')


def _definition(
    manifest: Any, config: Any, invocation: Invocation, environ: Mapping[str, str], *, reads_seeds: bool = True
) -> ProjectDefinition:
    from dbt.adapters.factory import get_adapter_package_names, get_adapter_type_names
    from dbt.version import __version__ as dbt_version

    adapter_type = config.credentials.type
    return ProjectDefinition(
        name=config.project_name,
        target_name=config.target_name,
        database=_stored_database(config.credentials.database or "", invocation),
        schema=config.credentials.schema,
        dbt_version=str(dbt_version),
        adapter_version=_adapter_version(adapter_type),
        macros=macro_definitions(manifest, get_adapter_package_names(adapter_type)),
        nodes=node_definitions(manifest, invocation.project_dir if reads_seeds else None, invocation.dialect),
        dialect=invocation.dialect,
        variables=_variables(config, invocation.variables),
        environment=dict(environ),
        target=dict(config.to_target_dict()),
        project_hooks=project_hooks(manifest),
        flags=invocation.extra.powerful,
        dispatch=config.dispatch,
        graph_extras=graph_extras(manifest),
        adapters=tuple(get_adapter_type_names(adapter_type)),
    )


_PATH_SETTINGS = (
    *("model_paths", "macro_paths", "seed_paths", "test_paths", "analysis_paths", "docs_paths", "asset_paths"),
    *("snapshot_paths", "function_paths"),
)


def _projects(config: Any) -> dict[str, Any]:
    """Return the project and its packages by name, without those that ship with dbt."""
    from dbt.adapters.factory import get_adapter_package_names

    builtin = set(get_adapter_package_names(config.credentials.type))
    return {name: project for name, project in config.load_dependencies().items() if name not in builtin}


def _has_plugins(config: Any) -> bool:
    """Return whether plugins of dbt may add nodes from elsewhere, which no file of the project shows."""
    from dbt.plugins import get_plugin_manager

    return bool(get_plugin_manager(config.project_name).hooks)


def _searched_folders(config: Any) -> set[str]:
    """Return every folder in which dbt searches for files, however deep: those of the project and of its packages."""
    return {
        str(Path(project.project_root, path))
        for project in _projects(config).values()
        for setting in _PATH_SETTINGS
        for path in getattr(project, setting, None) or ()
    }


def _adapter_version(adapter_type: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(f"dbt-{adapter_type}")
    except PackageNotFoundError:
        return ""


def _variables(config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return for each var everything that defines it; whichever wins for a node, a change of any is a difference.

    `vars:` of a project maps names to values, and names of packages to such mappings.
    """
    found: dict[str, Any] = {name: [["command line", value]] for name, value in given.items()}
    for package, project in sorted(config.load_dependencies().items()):
        for name, value in sorted(project.vars.to_dict().items()):
            found.setdefault(name, []).append([package, value])
            if isinstance(value, dict):
                for inner, inner_value in value.items():
                    found.setdefault(str(inner), []).append([package, name, inner_value])
    return found
